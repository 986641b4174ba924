import type { Context } from '#context.ts'
import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import { checkEvents } from '#services/federation/receive/check-events.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import { inOrder } from '#services/federation/receive/in-order.ts'
import type { ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { storeOutliers } from '#services/federation/receive/store-outliers.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import { inSlices } from '#base/in-slices.ts'

type Needs = ReceiveNeeds & Context & { signal: AbortSignal }

/** Fewer events than this are asked for one by one, more with all others of the state. */
const fewEvents = 100
const sliceSize = 500

type Claim = { origin: ServerName; eventId: EventId }

/**
 * Fetches the state before a join and its auth chain from a server, and stores as outliers what was not here. Answers
 * the ids of the state; undefined where the server does not give all of it. What fails its checks is left out, as in the
 * answer to a join.
 */
export async function fetchStateBefore(
  ctx: Needs,
  room: LiveRoom,
  { origin, join }: { origin: ServerName; join: GraphEvent },
): Promise<readonly EventId[] | undefined> {
  // Other servers than the one that let our user in may not have the join yet, but what it follows.
  const [prev, ...others] = new Set(prevEventIds(storedPdu(join, room), room.version))
  const after = prev && others.length === 0 ? await fetchState(ctx, room, { origin, eventId: prev, isAfter: true }) : undefined // prettier-ignore
  return after ?? fetchState(ctx, room, { origin, eventId: join.eventId, isAfter: false })
}

/** The state before an event, or after it. */
async function fetchState(
  ctx: Needs,
  room: LiveRoom,
  { origin, eventId, isAfter }: Claim & { isAfter: boolean },
): Promise<readonly EventId[] | undefined> {
  const source = { origin, roomId: room.roomId }
  const claim = await ctx.missingEvents.fetchStateIds(source, eventId)
  if (!claim || claim.state.length === 0) return undefined
  const missing = await missingOf(ctx, [...new Set([...claim.authChain, ...claim.state])])
  const alone = isAfter && !missing.has(eventId) ? await missingOf(ctx, [eventId]) : new Set<EventId>()
  const given = [
    ...(missing.size > fewEvents
      ? await ctx.missingEvents.fetchState(source, eventId)
      : await ctx.missingEvents.fetchEvents(source, [...missing])),
    ...(await ctx.missingEvents.fetchEvents(source, [...alone])),
  ]
  if (given.length < missing.size + alone.size) return undefined
  const fetched = new Map<EventId, CheckedEvent>()
  for (const event of await checkEvents(ctx, given, room))
    if (missing.has(event.eventId) || (alone.has(event.eventId) && event.pdu.state_key !== undefined))
      fetched.set(event.eventId, event)
  const ordered = await inOrder(fetched, room.version)
  for (const slice of inSlices(ordered, sliceSize)) if (!(await store(ctx, room, slice))) return undefined
  return isAfter ? stateWith(ctx, claim.state, eventId) : claim.state
}

/** The state with an event, where that is state: in the place of the one that held its key. */
async function stateWith(
  { store }: Pick<Context, 'store'>,
  state: readonly EventId[],
  eventId: EventId,
): Promise<readonly EventId[]> {
  const event = await store.rooms.events.find(eventId)
  if (!event || event.stateKey === null || event.status === 'rejected' || state.includes(eventId)) return state
  const kept = [eventId]
  for (const slice of inSlices(state, sliceSize))
    for (const one of await store.rooms.events.findMany(slice))
      if (one.type !== event.type || one.stateKey !== event.stateKey) kept.push(one.eventId)
  return kept
}

/** False where the room was deleted meanwhile. */
function store(ctx: Needs, { roomId, nid }: LiveRoom, events: readonly CheckedEvent[]): Promise<boolean> {
  return ctx.rooms.inTurn(roomId, async (turn) => {
    if ((await ctx.rooms.findStored(roomId))?.nid !== nid) return false
    await storeOutliers(ctx, await turn.settledRoom(), events)
    return true
  })
}

async function missingOf({ store }: Pick<Context, 'store'>, ids: readonly EventId[]): Promise<Set<EventId>> {
  const missing = new Set(ids)
  for (const slice of inSlices(ids, sliceSize))
    for (const { eventId } of await store.rooms.events.findMany(slice)) missing.delete(eventId)
  return missing
}
