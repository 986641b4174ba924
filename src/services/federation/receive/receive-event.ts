import { prevEventIds, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { hasPlace } from '#services/rooms/state/state-before.ts'
import { adoptState } from './adopt-state.ts'
import { checkEvent } from './check-event.ts'
import { isOriginAllowed } from './check-origin.ts'
import { enterEvent } from './enter-event.ts'
import { gatherPast, type Past } from './gather-past.ts'
import { inOrder } from './in-order.ts'
import { mergeHeads } from './merge-heads.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { Receipt, ReceiveNeeds } from './ports.ts'
import { settledLine } from './settled-line.ts'
import { storeOutliers } from './store-outliers.ts'

export type Incoming = { origin: ServerName; roomId: string; pdu: JsonValue }

/** Gaps that end in the dark: for so many events of one past we ask what the state before them was. */
const maxClaims = 5

/**
 * Takes in an event that another server sent. What it follows and rests on is asked for first, outside of the room's
 * turn; then it is judged and gets its place. Never throws for what the event is like.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export async function receiveEvent(ctx: ReceiveNeeds, { origin, roomId, pdu: value }: Incoming): Promise<Receipt> {
  const line = await ctx.rooms.findStored(roomId)
  if (!line) return { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }
  if (!(await isOriginAllowed(ctx, line, origin)))
    return { eventId: undefined, outcome: 'dropped', reason: 'The room does not let this server take part' }
  const event = await checkEvent(ctx.findKey, value, line)
  if ('violation' in event) return { eventId: undefined, outcome: 'dropped', reason: event.violation }
  const stored = await ctx.store.events.find(event.eventId)
  if (stored && stored.roomNid === line.nid && hasPlace(stored)) return { eventId: event.eventId, outcome: 'known' }
  const past = await gatherPast(ctx, line, { event, origin })
  const receipt = await enterPast(ctx, line, { past, event })
  if (receipt.outcome !== 'unresolved') return receipt
  const claims = await claimStates(ctx, line, { past, origin })
  return claims.size === 0 ? receipt : enterPast(ctx, line, { past, event, claims })
}

/** Several events of one room, one after the other; a bad one never fails its neighbors. */
export async function receiveEvents(ctx: ReceiveNeeds, events: readonly Incoming[]): Promise<Receipt[]> {
  const receipts: Receipt[] = []
  for (const event of events) receipts.push(await receiveEvent(ctx, event))
  return receipts
}

type Claims = ReadonlyMap<EventId, readonly EventId[]>
type Entry = { past: Past; event: CheckedEvent; claims?: Claims }

/** Gives the event and its past their places, oldest first, in one turn of the room. */
async function enterPast(ctx: ReceiveNeeds, { roomId }: RoomLine, entry: Entry): Promise<Receipt> {
  const receipt = await retryWhileStale(() => ctx.rooms.inTurn(roomId, () => enterInTurn(ctx, roomId, entry)))
  await mergeHeads(ctx, roomId)
  return receipt
}

async function enterInTurn(ctx: ReceiveNeeds, roomId: string, { past, event, claims }: Entry): Promise<Receipt> {
  let receipt: Receipt = { eventId: event.eventId, outcome: 'unresolved', reason: 'It rests on itself' }
  const line = await settledLine(ctx, roomId)
  for (const one of await inOrder(past.events, line.version)) {
    const entered = await enterEvent(ctx, line, { ...one, claimed: claims?.get(one.eventId) })
    if (one.eventId === event.eventId) receipt = entered
    // Others may rest on it, and that needs no place in the room.
    else if (entered.outcome === 'unresolved' && one.pdu.state_key !== undefined) await storeOutliers(ctx, line, [one])
  }
  return receipt
}

/** Asks for the state before those events of the past that follow what nobody gave us. */
async function claimStates(
  ctx: ReceiveNeeds,
  line: RoomLine,
  { past, origin }: { past: Past; origin: ServerName },
): Promise<Claims> {
  const claims = new Map<EventId, readonly EventId[]>()
  for (const eventId of await darkEnds(ctx, line, past)) {
    if (claims.size >= maxClaims) break
    const state = await adoptState(ctx, line, { origin, eventId })
    if (state) claims.set(eventId, state)
  }
  return claims
}

async function darkEnds(ctx: ReceiveNeeds, line: RoomLine, { events, followed }: Past): Promise<EventId[]> {
  const prevsOf = (id: EventId) => prevEventIds(events.get(id)!.pdu, line.version).filter((prev) => !events.has(prev))
  const wanted = [...followed].flatMap(prevsOf)
  const found = await ctx.store.events.findMany(wanted)
  const placed = new Set(found.flatMap((one) => (hasPlace(one) && one.position > line.purgedUpTo ? one.eventId : [])))
  return [...followed].filter((id) => prevsOf(id).some((prev) => !placed.has(prev)))
}
