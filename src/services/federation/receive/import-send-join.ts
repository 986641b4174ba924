import type { Context } from '#context.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'
import { beginPartial, endPartial } from './begin-partial.ts'
import { checkEvents } from './check-events.ts'
import { enterEvent, type Entering } from './enter-event.ts'
import { inOrder } from './in-order.ts'
import { openRemoteRoom } from './open-remote-room.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveResult, ReceiveNeeds } from './ports.ts'
import { storeOutliers } from './store-outliers.ts'

/** What another server answers to a join: the event, the state before it, and the auth chain of that state. */
export type SendJoinAnswer = {
  roomId: RoomId
  version: RoomVersion
  event: JsonValue
  state: readonly JsonValue[]
  authChain: readonly JsonValue[]
  /** The servers in the room, where the state lacks members: these are fetched afterwards. */
  servers?: readonly ServerName[] | undefined
}

/**
 * Takes in a room by a membership of one of our users that another server let in: the state is checked event by event
 * and stored as outliers, and becomes the room's state with the event. Also for a room we were in before, and again
 * after a failure: what was stored then stays unseen until the event is in the timeline.
 */
export async function importSendJoin(
  ctx: ReceiveNeeds & Pick<Context, 'config'>,
  { roomId, version, event, state, authChain, servers }: SendJoinAnswer,
): Promise<ReceiveResult> {
  const claimed = await checkEvents(ctx, state, { roomId, version })
  const chain = await checkEvents(ctx, authChain, { roomId, version })
  const [join] = await checkEvents(ctx, [event], { roomId, version })
  const create = [...claimed, ...chain].find(({ pdu }) => pdu.type === 'm.room.create')
  if (!join || !create) return { eventId: undefined, outcome: 'dropped', reason: 'The answer lacks its first events' }
  const opened = await openRemoteRoom(ctx, { roomId, version, create: create.pdu as unknown as JsonValue })
  if (opened.outcome !== 'accepted' && opened.outcome !== 'known') return opened
  const events = new Map<EventId, CheckedEvent>([...chain, ...claimed].map((one) => [one.eventId, one]))
  events.delete(create.eventId)
  const enter = async (turn: RoomTurn) => {
    await storeOutliers(ctx, await turn.settledRoom(), await inOrder(events, version))
    // Members that a former join left out are fetched now that we are in again.
    const [former] = (await turn.settledRoom()).partial?.awaited ?? []
    if (former) await beginPartial(ctx, turn, { ...former, servers: servers ?? former.servers })
    const entering = { ...join, claimed: claimed.map(({ eventId }) => eventId), isLetIn: true }
    if (servers) return enterPartially(ctx, turn, { entering, servers })
    return enterEvent(ctx, await turn.settledRoom(), entering)
  }
  const result = await retryWhileStale(() => ctx.rooms.inTurn(roomId, enter))
  return result.outcome === 'known' ? receiptOfFormer(ctx, join.eventId) : result
}

type Entry = { entering: Entering; servers: readonly ServerName[] }

/**
 * Enters a join whose state lacks members, which a job fetches then. Where all that it follows is here, what we know of
 * the room is better than that state.
 */
async function enterPartially(ctx: ReceiveNeeds, turn: RoomTurn, { entering, servers }: Entry): Promise<ReceiveResult> {
  const { eventId } = entering
  const known = await enterEvent(ctx, await turn.settledRoom(), { ...entering, claimed: undefined })
  if (known.outcome !== 'unresolved') return known
  const room = await beginPartial(ctx, turn, { joinEventId: eventId, servers })
  const entered = await enterEvent(ctx, room, entering)
  if (entered.outcome !== 'accepted' && entered.outcome !== 'known') await endPartial(ctx, turn, eventId)
  return entered
}

/** The outcome of the event when it came first, by whatever way, for a join that is tried again. */
async function receiptOfFormer({ store }: Pick<ReceiveNeeds, 'store'>, eventId: EventId): Promise<ReceiveResult> {
  const stored = await store.rooms.events.find(eventId)
  return { eventId, outcome: !stored || stored.status === 'outlier' ? 'unresolved' : stored.status }
}
