import type { Context } from '#context.ts'
import type { Worker } from '#jobs/worker.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { gatherReads } from '#services/rooms/read/gather-reads.ts'
import { enterNext, unknownRoom, type Aside } from './enter-next.ts'
import { SlowEvents } from './slow-events.ts'
import { ParkedEvents } from './parked-events.ts'
import { stage, unstage } from './staging.ts'
import { WaitingEvent } from './waiting-event.ts'

const pageSize = 500

/**
 * Works on events that wait: each room's in the order in which they came, rooms side by side. An event that lacks others
 * steps aside, to where what it lacks is fetched, and holds up neither its room nor others. Whatever became of an event,
 * it is staged no more; staged ones that the end of the process interrupts are taken up again by the next.
 */
export function startStagedEventsWorker(ctx: Context): Worker {
  const stopping = new AbortController()
  // Many rooms are worked on side by side.
  const needs = receiveNeeds({ ...ctx, store: gatherReads(ctx.store) })
  const queues = ctx.incomingEvents
  const end = (event: WaitingEvent, result: ReceiveResult) => {
    event.end(result)
    return unstage(ctx, [event])
  }
  const slow = new SlowEvents(ctx, { signal: stopping.signal, end })
  const parked = new ParkedEvents(ctx, {
    takeUp: (event) => queues.add(event),
    giveUp: (event) => slow.follow(end(event, unknownRoom)),
  })

  /** What steps aside may wait for long: it does so on disk. */
  const putDown = (event: WaitingEvent) => {
    const onError = (error: unknown) =>
      ctx.log.error('an event could not be staged', { event_id: event.eventId, error })
    slow.follow(stage(ctx, [event]).then(() => queues.letGo(event), onError))
  }
  const aside: Aside = {
    park(event) {
      parked.add(event)
      putDown(event)
    },
    slow(event) {
      slow.add(event)
      putDown(event)
    },
  }
  const workOn = async (_roomId: RoomId, events: readonly WaitingEvent[]) => {
    const handled: WaitingEvent[] = []
    for (let at = 0; at < events.length;) {
      // What is not begun is staged before it is answered.
      if (stopping.signal.aborted) break
      for (const result of await enterNext(needs, events.slice(at), aside)) {
        const event = events[at++]!
        if (!result) continue
        event.end(result)
        handled.push(event)
      }
    }
    await unstage(ctx, handled)
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

/** What a process before this one left. */
async function takeUpStaged({ store, incomingEvents }: Context): Promise<void> {
  for (let after = 0; ;) {
    const page = await store.federation.stagedEvents.page(after, pageSize)
    for (const { roomId, eventId, origin } of page) {
      incomingEvents.claim({ roomId, origin })
      incomingEvents.add(new WaitingEvent({ roomId, eventId: eventId as EventId, origin }))
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) return
    after = last.place
  }
}
