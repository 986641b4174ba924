import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { checkAuthEvents, stateOfAuthEvents } from '#protocol/auth-rules/check-auth-events.ts'
import type { Rejection } from '#protocol/auth-rules/rejection.ts'
import { authEventsRule, chapter } from '#protocol/auth-rules/rule-numbers.ts'
import { longFieldOf } from '#protocol/events/event-limits.ts'
import { authEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { ReceiveNeeds } from './ports.ts'

/** An auth event as far as it was judged itself. */
export type JudgedEvent = { pdu: Pdu; isRejected: boolean }

/** Finds a judged event of the room; `elsewhere`: it belongs to another room. */
export type FindJudged = (id: EventId) => JudgedEvent | 'elsewhere' | undefined

/**
 * Check 4: whether the event is allowed by the auth events it cites. Auth events that were not judged yet are answered
 * as missing: no event is authorized before its whole auth chain is.
 */
export function authorizeByAuthEvents(
  pdu: Pdu,
  version: RoomVersion,
  find: FindJudged,
): { missing: EventId[] } | { rejection: Rejection | undefined } {
  const cited = authEventIds(pdu, version)
  const implied = createIdOf(pdu, version)
  const found = cited.map(find)
  const create = implied && find(implied)
  const missing = cited.filter((_, index) => found[index] === undefined)
  if (implied && create === undefined) missing.push(implied)
  if (missing.length > 0) return { missing }
  const longField = longFieldOf(pdu)
  if (longField !== undefined) return { rejection: { rule: 'size limits', reason: longField } }
  if (create === 'elsewhere')
    return { rejection: { rule: chapter('room', version), reason: 'The create event belongs to another room' } }
  if (found.includes('elsewhere'))
    return {
      rejection: { rule: authEventsRule('otherRoom', version), reason: 'An auth event belongs to another room' },
    }
  const judged = found as JudgedEvent[]
  const rejected = new Set([...judged, ...(create ? [create] : [])].flatMap((one) => (one.isRejected ? one.pdu : [])))
  const citations = {
    authEvents: judged.map((one) => one.pdu),
    isRejected: (event: Pdu) => rejected.has(event),
    ...(create && { create: create.pdu }),
  }
  const rejection = checkAuthEvents(pdu, version, citations) ?? authorize(pdu, version, stateOfAuthEvents(citations))
  return { rejection }
}

/** From room version 12 the create event counts without being cited. */
export const createIdOf = (pdu: Pdu, version: RoomVersion): EventId | undefined =>
  version.roomIdIsCreateHash && pdu.room_id !== undefined ? `$${pdu.room_id.slice(1)}` : undefined

/** The events of the current state by which the rules would judge the event now: mostly the very ones that it cites. */
export async function judgedInState(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  pdu: Pdu,
): Promise<ReadonlyMap<EventId, JudgedEvent>> {
  const keys = [['m.room.create', ''] as const, ...authEventKeys(pdu, room.version)]
  await loadStateEntries(ctx, room, keys)
  const judged = new Map<EventId, JudgedEvent>()
  for (const [type, key] of keys) {
    const entry = room.nextStateEntry(type, key)
    // No state holds a rejected event.
    if (entry?.pdu) judged.set(entry.eventId, { pdu: entry.pdu, isRejected: false })
  }
  return judged
}

/** What is known here of some events that others cite. */
export async function loadJudged(
  { store }: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<FindJudged> {
  const found = await store.rooms.events.findMany(ids)
  const judged = new Map(found.map((event) => [event.eventId, judgedAsStored(event, room)]))
  return (id) => judged.get(id)
}

export const judgedAsStored = (event: GraphEvent, room: LiveRoom): JudgedEvent | 'elsewhere' =>
  event.roomNid === room.nid ? { pdu: storedPdu(event, room), isRejected: event.status === 'rejected' } : 'elsewhere'
