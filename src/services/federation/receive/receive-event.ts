import { prevEventIds, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, ServerName, RoomId } from '#protocol/ids.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { readServerAcl } from '#protocol/rooms/server-acl.ts'
import { importStateBefore } from './claimed-state.ts'
import { checkEvent } from './check-event.ts'
import { endOutside } from './outside-leave.ts'
import { enterEvent } from './enter-event.ts'
import { fetchAncestors, type Ancestors } from './fetch-ancestors.ts'
import { inOrder } from './in-order.ts'
import { mergeForwardExtremities } from './merge-forward-extremities.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveResult, ReceiveNeeds } from './ports.ts'
import { storeOutliers } from './store-outliers.ts'

export type Incoming = { origin: ServerName; roomId: RoomId; pdu: JsonValue }

/** For so many gap edges in the past of one event the state before them is asked for. */
const maxClaims = 5

/**
 * Takes in an event that another server sent. Never throws for what the event is like. The checks are those of the
 * specification, by its numbers:
 *
 * 1. Is it a valid event of the room by the format of its version? Otherwise it is dropped. (`check-event.ts`)
 * 2. Is it signed by the servers that must have signed it? Otherwise it is dropped. (`check-event.ts`)
 * 3. Does its content hash match? Otherwise it is redacted before it is processed further. (`check-event.ts`)
 * 4. Do the auth rules allow it by its auth events? Otherwise it is rejected. (`check-auth-events.ts`)
 * 5. Do they allow it by the state before it? Otherwise it is rejected. (`check-state.ts`)
 * 6. Do they allow it by the current state of the room? Otherwise it is soft-failed. (`check-state.ts`)
 * 7. Does the room's Policy Server recommend it, if there is one? Otherwise it is soft-failed. (`check-state.ts`)
 *
 * Before them stands the server ACL; after the first three, previous events and auth events that are missing here are
 * fetched, outside of the room's turn. Checks 4 to 7 and the write run in the turn (`enter-event.ts`).
 *
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export async function receiveEvent(
  ctx: ReceiveNeeds,
  { origin, roomId, pdu: value }: Incoming,
): Promise<ReceiveResult> {
  const room = await ctx.rooms.findStored(roomId)
  if (!room || room.localUsers.size === 0) {
    const ended = await endOutside(ctx, { origin, roomId, pdu: value })
    if (ended) return { eventId: ended, outcome: 'accepted' }
  }
  // A room without any event is known only from an invite.
  if (!room || room.forwardExtremities.length === 0)
    return { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }
  if (!(await isOriginAllowed(ctx, room, origin)))
    return { eventId: undefined, outcome: 'dropped', reason: 'The room does not let this server take part' }
  // Checks 1 to 3.
  const event = await checkEvent(ctx.findKey, value, room)
  if ('violation' in event) return { eventId: undefined, outcome: 'dropped', reason: event.violation }
  const stored = await ctx.store.rooms.events.find(event.eventId)
  if (stored && stored.roomNid === room.nid && isInTimeline(stored)) return { eventId: event.eventId, outcome: 'known' }
  const past = await fetchAncestors(ctx, room, { event, origin })
  // Checks 4 to 7, of the fetched ancestors first.
  const result = await enterAll(ctx, room, { past, event })
  if (result.outcome !== 'unresolved') return result
  const claims = await claimStates(ctx, room, { past, origin })
  return claims.size === 0 ? result : enterAll(ctx, room, { past, event, claims })
}

/** Whether the room lets the server take part. https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls */
async function isOriginAllowed(ctx: Pick<ReceiveNeeds, 'store'>, room: LiveRoom, origin: ServerName): Promise<boolean> {
  await loadStateEntries(ctx, room, [['m.room.server_acl', '']])
  return readServerAcl(room.entry('m.room.server_acl', '')?.pdu?.content)(origin)
}

/** Several events of one room, one after the other; a bad one never fails its neighbors. */
export async function receiveEvents(ctx: ReceiveNeeds, events: readonly Incoming[]): Promise<ReceiveResult[]> {
  const results: ReceiveResult[] = []
  for (const event of events) results.push(await receiveEvent(ctx, event))
  return results
}

type Claims = ReadonlyMap<EventId, readonly EventId[]>
type Entry = { past: Ancestors; event: CheckedEvent; claims?: Claims }

/** Enters the event and its fetched ancestors into the room, oldest first, in one turn. */
async function enterAll(ctx: ReceiveNeeds, { roomId }: LiveRoom, entry: Entry): Promise<ReceiveResult> {
  const result = await retryWhileStale(() =>
    ctx.rooms.inTurn(roomId, async (turn) => enterInTurn(ctx, await turn.settledRoom(), entry)),
  )
  await mergeForwardExtremities(ctx, roomId)
  return result
}

async function enterInTurn(
  ctx: ReceiveNeeds,
  room: LockedRoom,
  { past, event, claims }: Entry,
): Promise<ReceiveResult> {
  let result: ReceiveResult = { eventId: event.eventId, outcome: 'unresolved', reason: 'It is its own ancestor' }
  for (const one of await inOrder(past.events, room.version)) {
    const entered = await enterEvent(ctx, room, { ...one, claimed: claims?.get(one.eventId) })
    if (one.eventId === event.eventId) result = entered
    // It may be an auth event of others, and for that an outlier will do.
    else if (entered.outcome === 'unresolved' && one.pdu.state_key !== undefined) await storeOutliers(ctx, room, [one])
  }
  return result
}

/** Asks for the state before the gap edges: ancestors that follow events which could not be had. */
async function claimStates(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { past, origin }: { past: Ancestors; origin: ServerName },
): Promise<Claims> {
  const claims = new Map<EventId, readonly EventId[]>()
  for (const eventId of await gapEdges(ctx, room, past)) {
    if (claims.size >= maxClaims) break
    const state = await importStateBefore(ctx, room, { origin, eventId })
    if (state) claims.set(eventId, state)
  }
  return claims
}

async function gapEdges(ctx: ReceiveNeeds, room: LiveRoom, { events, followed }: Ancestors): Promise<EventId[]> {
  const prevsOf = (id: EventId) => prevEventIds(events.get(id)!.pdu, room.version).filter((prev) => !events.has(prev))
  const wanted = [...followed].flatMap(prevsOf)
  const found = await ctx.store.rooms.events.findMany(wanted)
  const inTimeline = new Set(
    found.flatMap((one) => (isInTimeline(one) && one.position > room.purgedUpTo ? one.eventId : [])),
  )
  return [...followed].filter((id) => prevsOf(id).some((prev) => !inTimeline.has(prev)))
}
