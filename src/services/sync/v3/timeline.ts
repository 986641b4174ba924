import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import { filterable } from '#services/rooms/read/filterable.ts'
import { previousEvents } from '#services/rooms/read/previous-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { visibleEvents } from '#services/rooms/read/visibility.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { UserId } from '#protocol/ids.ts'

export type TimelineWindow = {
  userId: UserId
  /** Exclusive. */
  after: number
  /** Inclusive. */
  upTo: number
  filter: CompiledRoomEventFilter
  ignored: ReadonlySet<UserId>
}

export type Timeline = {
  /** Oldest first. */
  events: StoredEvent[]
  /** True when there is more between `after` and the first event. */
  limited: boolean
  /** The state before the timeline is the state just after this position. */
  startsAfter: number
}

const pageSize = 50
const maxPages = 10

/** The newest events that the user may see and wants to, and whether something lies before them. */
export async function readTimeline(
  ctx: Context,
  room: LiveRoom,
  { userId, after, upTo, filter, ignored }: TimelineWindow,
): Promise<Timeline> {
  const found: StoredEvent[] = []
  const isWanted = filter.matchesRoom(room.roomId) && !filter.matchesNothing
  let before = upTo + 1
  let seen = 0
  let isComplete = !isWanted
  for (let page = 0; page < maxPages && !isComplete && found.length <= filter.limit; page++) {
    const limit = Math.max(pageSize, filter.limit + 1)
    const events = await previousEvents(ctx, room, { after, before, limit })
    isComplete = events.length < limit
    seen += events.length
    before = events.at(-1)?.position ?? before
    const visible = await visibleEvents(ctx, { room, userId }, events.reverse())
    const isTold = (event: StoredEvent) => event.stateKey !== null || !ignored.has(event.sender)
    found.push(...visible.filter((event) => isTold(event) && filter.matches(filterable(event))).reverse())
  }
  const events = found.slice(0, filter.limit).reverse()
  const limited = isWanted && (!isComplete || found.length > filter.limit || after < room.purgedUpTo)
  const isWhole = isWanted && !limited && found.length === seen
  return { events, limited, startsAfter: startOf(events, { isWhole, after, upTo }) }
}

/**
 * Nothing left out: the state before is that at the token. Otherwise it is the one just before the first event, so that
 * what the filter keeps out of the timeline is told as state.
 */
function startOf(
  [first]: StoredEvent[],
  { isWhole, after, upTo }: { isWhole: boolean; after: number; upTo: number },
): number {
  if (isWhole) return after
  return first ? first.position - 1 : upTo
}
