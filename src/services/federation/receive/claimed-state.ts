import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { trimmed, type StateDiff } from '#services/rooms/state/state-diff.ts'
import { checkEvents } from './check-events.ts'
import type { CheckedEvent } from './checked-event.ts'
import { inOrder } from './in-order.ts'
import type { ReceiveNeeds } from './ports.ts'
import { storeOutliers } from './store-outliers.ts'
import { inSlices, inSlicesWithPauses } from '#base/in-slices.ts'

/** So many events are read or fetched at once. */
const sliceSize = 500

/** Where more are missing, and more than a tenth of the state, it is fetched as a whole, in one request. */
const fewMissing = 20

type Moment = { origin: ServerName; eventId: EventId }

/**
 * Fetches the state before an event at the edge of a gap, as the origin claims it, and stores its events as outliers.
 * Answers the ids of the state; undefined where the origin does not answer.
 */
export async function importStateBefore(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  moment: Moment,
): Promise<readonly EventId[] | undefined> {
  return (await importState(ctx, room, { moment, more: [] }))?.state
}

/**
 * The same for the state after an event that is not here, by which servers are asked that do not know yet what follows
 * it. The event itself is fetched, since it may be state; undefined where it cannot be had.
 */
export async function importStateAfter(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  moment: Moment,
): Promise<readonly EventId[] | undefined> {
  const imported = await importState(ctx, room, { moment, more: [moment.eventId] })
  // Of two for one state key the first counts.
  return imported?.had.has(moment.eventId) ? [moment.eventId, ...imported.state] : undefined
}

type Wanted = { moment: Moment; more: readonly EventId[] }
type Imported = { state: readonly EventId[]; had: ReadonlySet<EventId> }

async function importState(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { moment: { origin, eventId }, more }: Wanted,
): Promise<Imported | undefined> {
  const source = { origin, roomId: room.roomId }
  const claim = await ctx.missingEvents.fetchStateIds(source, eventId)
  if (!claim || claim.state.length === 0) return undefined
  const missing = new Set([...claim.authChain, ...claim.state, ...more])
  const had = new Set<EventId>()
  const fetched = new Map<EventId, CheckedEvent>()
  const find = (id: EventId) => {
    had.add(id)
    missing.delete(id)
  }
  const take = async (values: readonly JsonValue[]) => {
    for (const event of await checkEvents(ctx, values, room)) {
      if (!missing.has(event.eventId)) continue
      fetched.set(event.eventId, event)
      find(event.eventId)
    }
  }
  const wanted = missing.size
  for (const slice of inSlices([...missing], sliceSize))
    for (const { eventId: id } of await ctx.store.rooms.events.findMany(slice)) find(id)
  if (missing.size > Math.max(fewMissing, wanted / 10)) await take(await ctx.missingEvents.fetchState(source, eventId))
  for (const slice of inSlices([...missing], sliceSize)) await take(await ctx.missingEvents.fetchEvents(source, slice))
  await ctx.rooms.inTurn(room.roomId, async (turn) => {
    const now = await turn.settledRoom()
    await storeOutliers(ctx, now, await inOrder(fetched, now.version))
  })
  return { state: claim.state, had }
}

/**
 * A state that another server claims, as far as its events are here and the rules allow them. Of two for one state key,
 * which no honest server claims, the first counts.
 */
export async function claimedStateDiff(
  { store }: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<StateDiff> {
  const diff = new Map<StateKey, EventId | null>()
  for (const key of room.state.keys()) diff.set(key, null)
  for (const { type, stateKey: key, eventId } of await entriesAmong(store, room, ids)) {
    const place = key === null ? undefined : stateKey(type, key)
    if (place !== undefined && !diff.get(place)) diff.set(place, eventId)
  }
  await nextTurn()
  return trimmed(room, diff)
}

/** In the order of the ids. */
async function entriesAmong(
  store: ReceiveNeeds['store'],
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = []
  for await (const slice of inSlicesWithPauses(ids, sliceSize)) {
    const found = new Map((await store.rooms.events.findMany(slice)).map((event) => [event.eventId, event]))
    for (const id of slice) {
      const event = found.get(id)
      if (event && event.roomNid === room.nid && event.status !== 'rejected') entries.push(event)
    }
  }
  return entries
}
