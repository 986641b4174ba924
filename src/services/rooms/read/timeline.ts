import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { filterable } from './filterable.ts'
import { lastReadable, type Reading } from './open-reading.ts'
import { previousEvents } from './previous-events.ts'
import { nidOf } from './history-intervals.ts'
import { scan, type Scanned } from './scan.ts'
import { visibleEvents } from './visibility.ts'

export type Direction = 'forwards' | 'backwards'

/** A stretch of a timeline; both ends lie just after a position. */
export type TimelinePage = {
  from: number
  to?: number | undefined
  direction: Direction
  limit: number
  filter: CompiledRoomEventFilter
}

type Needs = Pick<Context, 'store'>

/** The events of a room that the reader may see and the filter lets through, in the direction asked for. */
export async function readTimeline(ctx: Needs, reading: Reading, page: TimelinePage): Promise<Scanned<StoredEvent>> {
  const { filter, direction } = page
  if (filter.matchesNothing || !filter.matchesRoom(reading.room.roomId))
    return { items: [], position: page.from, isEnd: true }
  const isBackwards = direction === 'backwards'
  return scan({
    from: isBackwards ? Math.min(page.from, lastReadable(reading)) : page.from,
    limit: page.limit,
    read: (from, count) =>
      isBackwards
        ? readBackwards(ctx, reading, { ...page, from, limit: count })
        : readForwards(ctx, reading, { ...page, from, limit: count }),
    keep: async (events) => filtered(ctx, reading, { filter, events: await visibleEvents(ctx, reading, events) }),
    after: ({ position }) => (isBackwards ? position - 1 : position),
  })
}

const readBackwards = (ctx: Needs, { room }: Reading, { from, to = 0, limit }: TimelinePage): Promise<StoredEvent[]> =>
  previousEvents(ctx, room, { after: to, before: from + 1, limit })

function readForwards(ctx: Needs, reading: Reading, { from, to, limit }: TimelinePage): Promise<StoredEvent[]> {
  const last = Math.min(to ?? Infinity, lastReadable(reading))
  return ctx.store.rooms.events.page({
    roomNid: nidOf(reading.room),
    from: Math.max(from, reading.room.purgedUpTo),
    until: last + 1,
    direction: 'forwards',
    limit,
  })
}

async function filtered(
  ctx: Needs,
  { room }: Reading,
  { filter, events }: { filter: CompiledRoomEventFilter; events: readonly StoredEvent[] },
): Promise<StoredEvent[]> {
  const matching = events.filter((event) => filter.matches(filterable(event)))
  const { relatedByRelTypes: relTypes, relatedBySenders: senders } = filter
  if (!relTypes && !senders) return matching
  const ids = matching.map(({ eventId }) => eventId)
  const related = await ctx.store.rooms.relations.relatedBy(ids, { roomNid: nidOf(room), relTypes, senders })
  return matching.filter(({ eventId }) => related.has(eventId))
}
