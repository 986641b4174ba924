import { gather } from '#base/gather.ts'
import type { Context } from '#context.ts'
import type { Worker } from '#jobs/worker.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { ReceiveNeeds, ReceiveResult } from '#services/federation/receive/ports.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { enterIfComplete, refusedSource } from '#services/federation/receive/receive-event.ts'
import { gatherReads } from '#services/rooms/read/gather-reads.ts'
import { readAgain } from './read-again.ts'
import { SlowEvents } from './slow-events.ts'
import { ParkedEvents } from './parked-events.ts'
import type { WaitingEvent } from './event-queues.ts'

const pageSize = 500
/** Events deleted in one statement. */
const maxDeleted = 500

const failed: ReceiveResult = { eventId: undefined, outcome: 'dropped', reason: 'The event could not be taken in' }
const unknown: ReceiveResult = { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }

/**
 * Works on staged events: each room's in the order in which they came, rooms side by side. An event that lacks others
 * steps aside, to where what it lacks is fetched, and holds up neither its room nor others. Whatever became of an event,
 * it is staged no more; those that the end of the process interrupts stay, and are taken up again by the next.
 */
export function startStagedEventsWorker(ctx: Context): Worker {
  const stopping = new AbortController()
  // Many rooms are worked on side by side.
  const needs = receiveNeeds({ ...ctx, store: gatherReads(ctx.store) })
  const deleteStaged = gatherDeletes(ctx.store)
  const queues = ctx.incomingEvents
  const forget = async (roomId: RoomId, events: readonly WaitingEvent[]) => {
    // Those that stay are found again by the next process, and known then.
    const onError = (error: unknown) => ctx.log.error('staged events could not be deleted', { room_id: roomId, error })
    await Promise.all(events.map(deleteStaged)).catch(onError)
    for (const event of events) queues.release(event)
  }
  const end = (event: WaitingEvent, result: ReceiveResult) => {
    event.done(result)
    return forget(event.roomId, [event])
  }
  const slow = new SlowEvents(ctx, { signal: stopping.signal, end })
  const parked = new ParkedEvents(ctx, {
    takeUp: (event) => queues.add(event),
    giveUp: (event) => slow.follow(end(event, unknown)),
  })

  const aside: Aside = { park: (event) => parked.add(event), slow: (event) => slow.add(event) }
  const workOn = async (roomId: RoomId, events: readonly WaitingEvent[]) => {
    const handled: WaitingEvent[] = []
    for (const event of events) {
      // What is not begun stays staged.
      if (stopping.signal.aborted) break
      const result = await enter(needs, event, aside).catch((error: unknown) => {
        ctx.log.error('an event could not be taken in', { room_id: roomId, event_id: event.eventId, error })
        return failed
      })
      if (!result) continue
      event.done(result)
      handled.push(event)
    }
    await forget(roomId, handled)
  }

  const loaded = takeUpStaged(ctx).catch((error: unknown) => ctx.log.error('staged events were not read', { error }))
  queues.start(workOn)
  return {
    async settle() {
      await loaded
      do {
        await queues.settle()
        await slow.settle()
      } while (!queues.isIdle)
    },
    async stop() {
      stopping.abort()
      parked.stop()
      await loaded
      await queues.stop()
      await slow.settle()
    },
  }
}

/** What of many rooms is done at once is deleted at once. */
const gatherDeletes = ({ federation }: Context['store']) =>
  gather(maxDeleted, async (events: readonly Pick<WaitingEvent, 'roomId' | 'eventId'>[]) => {
    await federation.stagedEvents.delete(events)
    return events.map(() => undefined)
  })

/** Takes events that cannot be entered now. */
type Aside = Record<'park' | 'slow', (event: WaitingEvent) => void>

/** Undefined where the event stepped aside. */
async function enter(ctx: ReceiveNeeds, event: WaitingEvent, aside: Aside): Promise<ReceiveResult | undefined> {
  const room = await ctx.rooms.findStored(event.roomId)
  if (!room) return unknown
  if (room.isPlaceholder) return void aside.park(event)
  const refused = await refusedSource(ctx, room, event.origin)
  if (refused) return refused
  const checked = event.checked ? { event: event.checked } : await readAgain(ctx, room, event)
  if ('result' in checked) return checked.result
  const result = await enterIfComplete(ctx, room, checked.event)
  return result ?? void aside.slow(event)
}

/** What a process before this one left. */
async function takeUpStaged({ store, incomingEvents }: Context): Promise<void> {
  for (let after = 0; ;) {
    const page = await store.federation.stagedEvents.page(after, pageSize)
    for (const { roomId, eventId, origin } of page) {
      incomingEvents.claim({ roomId, origin })
      incomingEvents.add({ roomId, eventId: eventId as EventId, origin, checked: undefined, bytes: 0, done: () => {} })
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) return
    after = last.place
  }
}
