import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { GraphEvent, StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntry } from '#services/rooms/live/state-entry.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { hasState, holdersInBranches } from '#services/rooms/state/state-before.ts'

/** What a state event replaced. */
export type ReplacedState = { eventId: EventId; position: number; pdu: Pdu }

/** What state events replaced, by their ids: from memory where this process saw it, else in one query for all. */
export async function findReplacedState(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<Map<EventId, ReplacedState>> {
  const replacedState = new Map<EventId, ReplacedState>()
  const unknown: StoredEvent[] = []
  for (const event of events) {
    if (event.stateKey === null) continue
    const entry = room.replacedState.get(event.eventId)
    if (entry?.pdu && entry.position !== undefined)
      replacedState.set(event.eventId, { eventId: entry.eventId, position: entry.position, pdu: entry.pdu })
    else if (entry || !room.replacedState.has(event.eventId)) unknown.push(event)
  }
  if (unknown.length > 0)
    for (const [id, replaced] of await readFormers(ctx, room, unknown)) replacedState.set(id, replaced)
  return replacedState
}

async function readFormers(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<Map<EventId, ReplacedState>> {
  const replacedState = new Map<EventId, ReplacedState>()
  const positions = events.map(({ position }) => position)
  const { lastPosition } = room
  const found: Map<number, GraphEvent> = await ctx.store.rooms.state.replacedState(nidOf(room), positions)
  const first = events.filter(({ position }) => !found.has(position))
  for (const [position, former] of await formersInBranches(ctx, room, first)) found.set(position, former)
  // What was read may have been redacted since: then it must not stay in memory.
  const isSettled = room.lastPosition === lastPosition
  for (const { eventId, position } of events) {
    const stored = found.get(position)
    const replaced = stored && { eventId: stored.eventId, position: stored.position, pdu: storedPdu(stored, room) }
    if (replaced) replacedState.set(eventId, replaced)
    if (isSettled) room.cacheReplacedState({ eventId, position }, replaced && entryOf(replaced))
  }
  return replacedState
}

/** What the first events of their keys replaced in the states that came in along with them, by position of the event. */
async function formersInBranches(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<Map<number, GraphEvent>> {
  // History of before the room came here is not the past of its state.
  const holders = await holdersInBranches(
    ctx,
    room,
    events.filter((event) => hasState(room, event)),
  )
  const stored = await ctx.store.rooms.events.findMany([...holders.values()])
  const byId = new Map(stored.map((event) => [event.eventId, event]))
  const formers = new Map<number, GraphEvent>()
  for (const { eventId, position } of events) {
    const former = byId.get(holders.get(eventId) ?? eventId)
    if (former) formers.set(position, former)
  }
  return formers
}

const entryOf = ({ eventId, position, pdu }: ReplacedState): StateEntry => ({
  type: pdu.type,
  stateKey: pdu.state_key ?? '',
  eventId,
  from: position,
  position,
  pdu,
})
