import { prevEventIds, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, ServerName, RoomId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import { importStateBefore } from './import-state-before.ts'
import { checkEvent } from './check-event.ts'
import { isOriginAllowed } from './check-origin.ts'
import { enterEvent } from './enter-event.ts'
import { fetchAncestors, type Ancestors } from './fetch-ancestors.ts'
import { inOrder } from './in-order.ts'
import { mergeForwardExtremities } from './merge-forward-extremities.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveResult, ReceiveNeeds } from './ports.ts'
import { settledRoom } from './settled-room.ts'
import { storeOutliers } from './store-outliers.ts'

export type Incoming = { origin: ServerName; roomId: RoomId; pdu: JsonValue }

/** Gaps that end in the dark: for so many events of one past we ask what the state before them was. */
const maxClaims = 5

/**
 * Takes in an event that another server sent. What it follows and rests on is asked for first, outside of the room's
 * turn; then it is judged and gets its place. Never throws for what the event is like.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export async function receiveEvent(
  ctx: ReceiveNeeds,
  { origin, roomId, pdu: value }: Incoming,
): Promise<ReceiveResult> {
  const room = await ctx.rooms.findStored(roomId)
  if (!room) return { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }
  if (!(await isOriginAllowed(ctx, room, origin)))
    return { eventId: undefined, outcome: 'dropped', reason: 'The room does not let this server take part' }
  const event = await checkEvent(ctx.findKey, value, room)
  if ('violation' in event) return { eventId: undefined, outcome: 'dropped', reason: event.violation }
  const stored = await ctx.store.rooms.events.find(event.eventId)
  if (stored && stored.roomNid === room.nid && isInTimeline(stored)) return { eventId: event.eventId, outcome: 'known' }
  const past = await fetchAncestors(ctx, room, { event, origin })
  const result = await enterPast(ctx, room, { past, event })
  if (result.outcome !== 'unresolved') return result
  const claims = await claimStates(ctx, room, { past, origin })
  return claims.size === 0 ? result : enterPast(ctx, room, { past, event, claims })
}

/** Several events of one room, one after the other; a bad one never fails its neighbors. */
export async function receiveEvents(ctx: ReceiveNeeds, events: readonly Incoming[]): Promise<ReceiveResult[]> {
  const receipts: ReceiveResult[] = []
  for (const event of events) receipts.push(await receiveEvent(ctx, event))
  return receipts
}

type Claims = ReadonlyMap<EventId, readonly EventId[]>
type Entry = { past: Ancestors; event: CheckedEvent; claims?: Claims }

/** Gives the event and its past their places, oldest first, in one turn of the room. */
async function enterPast(ctx: ReceiveNeeds, { roomId }: LiveRoom, entry: Entry): Promise<ReceiveResult> {
  const result = await retryWhileStale(() => ctx.rooms.inTurn(roomId, () => enterInTurn(ctx, roomId, entry)))
  await mergeForwardExtremities(ctx, roomId)
  return result
}

async function enterInTurn(ctx: ReceiveNeeds, roomId: RoomId, { past, event, claims }: Entry): Promise<ReceiveResult> {
  let result: ReceiveResult = { eventId: event.eventId, outcome: 'unresolved', reason: 'It rests on itself' }
  const room = await settledRoom(ctx, roomId)
  for (const one of await inOrder(past.events, room.version)) {
    const entered = await enterEvent(ctx, room, { ...one, claimed: claims?.get(one.eventId) })
    if (one.eventId === event.eventId) result = entered
    // Others may rest on it, and that needs no place in the room.
    else if (entered.outcome === 'unresolved' && one.pdu.state_key !== undefined) await storeOutliers(ctx, room, [one])
  }
  return result
}

/** Asks for the state before those events of the past that follow what nobody gave us. */
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
  const placed = new Set(
    found.flatMap((one) => (isInTimeline(one) && one.position > room.purgedUpTo ? one.eventId : [])),
  )
  return [...followed].filter((id) => prevsOf(id).some((prev) => !placed.has(prev)))
}
