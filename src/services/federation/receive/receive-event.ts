import { prevEventIds, type JsonValue } from '#protocol/events/event.ts'
import type { ReadEvent } from '#protocol/events/read-event.ts'
import { serverOf, type EventId, type ServerName, type RoomId } from '#protocol/ids.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { hasState, isInTimeline } from '#services/rooms/state/state-before.ts'
import { importStateAfter, importStateBefore } from './claimed-state.ts'
import { checkFormat, checkIntegrity } from './check-event.ts'
import { endOutside } from './outside-leave.ts'
import { enterEvent } from './enter-event.ts'
import { fetchAncestors, fetchAuthEvents, withoutAncestors, type Ancestors } from './fetch-ancestors.ts'
import { inOrder } from './in-order.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
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
 * Before them stands the server ACL, which both the server that sent it and that of its sender must pass; after the first three, previous events and auth events that are missing here are
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
  if (!room || room.forwardExtremities.length === 0) return dropped('The room is not known')
  const refusal = await refusedSource(ctx, room, origin)
  if (refusal) return refusal
  const read = await readIncoming(ctx, room, value)
  if ('outcome' in read) return read
  // Checks 2 and 3.
  const event = await checkIntegrity(ctx, read, room.version)
  const stored = await ctx.store.rooms.events.find(read.eventId)
  if (stored && stored.roomNid === room.nid && isInTimeline(stored)) return { eventId: read.eventId, outcome: 'known' }
  return 'violation' in event ? dropped(event.violation) : enterWithPast(ctx, room, { event, origin })
}

/** The event, where the room lets its sender's server take part and its form passes check 1. */
export async function readIncoming(
  ctx: Pick<ReceiveNeeds, 'store' | 'serverAcls'>,
  room: LiveRoom,
  value: JsonValue,
): Promise<ReadEvent | ReceiveResult> {
  const event = checkFormat(value, room)
  if ('violation' in event) return dropped(event.violation)
  return (await refusedSource(ctx, room, serverOf(event.pdu.sender))) ?? event
}

/** Why nothing of the server is taken, whether it speaks for itself or others bring what it said. */
export async function refusedSource(
  ctx: Pick<ReceiveNeeds, 'store' | 'serverAcls'>,
  room: LiveRoom,
  server: ServerName,
): Promise<ReceiveResult | undefined> {
  if (await mayTakePart(ctx, room, server)) return undefined
  return dropped('The room does not let this server take part')
}

const dropped = (reason: string): ReceiveResult => ({ eventId: undefined, outcome: 'dropped', reason })

type Checked = { event: CheckedEvent; origin: ServerName }

/** Checks 4 to 7, where nothing has to be fetched for them; undefined where something is missing. */
export async function enterIfComplete(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  event: CheckedEvent,
): Promise<ReceiveResult | undefined> {
  const result = await enterAll(ctx, room, { past: withoutAncestors(event), event })
  return result.outcome === 'unresolved' ? undefined : result
}

/**
 * Checks 4 to 7, once what is missing was fetched. An event whose own previous events its server does not give is left
 * out; of what lies before it, the past may be missing: then the state there is asked for.
 */
export async function enterWithPast(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, origin }: Checked,
): Promise<ReceiveResult> {
  const past = await fetchAncestors(ctx, room, { event, origin })
  const edges = await gapEdges(ctx, room, past)
  if (edges.get(event.eventId)?.isCutOff) return enterAll(ctx, room, { past, event })
  const claims = await claimStates(ctx, room, { edges, origin })
  await fetchAuthEvents(ctx, past)
  return enterAll(ctx, room, { past, event, claims })
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
    const claimed = claims?.get(one.eventId)
    // With the state may have come what was missing, and have found its place by now.
    const isNeeded = claimed && (await isEdge(ctx, room, one))
    const entered = await enterEvent(ctx, room, { ...one, claimed: isNeeded ? claimed : undefined })
    if (one.eventId === event.eventId) result = entered
    // It may be an auth event of others, and for that an outlier will do.
    else if (entered.outcome === 'unresolved' && one.pdu.state_key !== undefined) await storeOutliers(ctx, room, [one])
  }
  return result
}

/** An event of which previous events are missing here, or the state after them is. */
type Edge = {
  /** The previous event after which alone the state is not known, where that event is not here. */
  lacks: EventId | undefined
  /** Whether some of them are not here at all. */
  isCutOff: boolean
}

/** Asks for the state before the gap edges: ancestors that follow events which could not be had. */
async function claimStates(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { edges, origin }: { edges: ReadonlyMap<EventId, Edge>; origin: ServerName },
): Promise<Claims> {
  const claims = new Map<EventId, readonly EventId[]>()
  for (const [eventId, { lacks }] of edges) {
    if (claims.size >= maxClaims) break
    const after = lacks && (await importStateAfter(ctx, room, { origin, eventId: lacks }))
    const state = after ?? (await importStateBefore(ctx, room, { origin, eventId }))
    if (state) claims.set(eventId, state)
  }
  return claims
}

/** Whether the state after some previous event is not known here. */
async function isEdge(ctx: ReceiveNeeds, room: LiveRoom, { pdu }: CheckedEvent): Promise<boolean> {
  const prevs = new Set(prevEventIds(pdu, room.version))
  const found = await ctx.store.rooms.events.findMany([...prevs])
  return found.filter((one) => one.roomNid === room.nid && hasState(room, one)).length < prevs.size
}

async function gapEdges(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { events, followed }: Ancestors,
): Promise<Map<EventId, Edge>> {
  const prevsOf = (id: EventId) => [...new Set(prevEventIds(events.get(id)!.pdu, room.version))]
  const wanted = [...followed].flatMap(prevsOf).filter((prev) => !events.has(prev))
  const found = await ctx.store.rooms.events.findMany(wanted)
  const here = found.filter((one) => one.roomNid === room.nid && isInTimeline(one))
  const present = new Set(here.map(({ eventId }) => eventId))
  const withState = new Set(here.flatMap((one) => (hasState(room, one) ? one.eventId : [])))
  const edges = new Map<EventId, Edge>()
  for (const id of followed) {
    const lacking = prevsOf(id).filter((prev) => !events.has(prev) && !withState.has(prev))
    const isCutOff = lacking.some((prev) => !present.has(prev))
    if (lacking.length > 0)
      edges.set(id, { lacks: isCutOff && lacking.length === 1 ? lacking[0] : undefined, isCutOff })
  }
  return edges
}
