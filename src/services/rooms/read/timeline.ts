import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { letsThrough } from './filterable.ts'
import { nidOf } from './history-intervals.ts'
import { lastReadable, type Reading } from './open-reading.ts'
import { previousEvents } from './previous-events.ts'
import { firstOf, hiddenBy, readableBy, type HiddenBy } from './readable.ts'
import { scan, type Scanned } from './scan.ts'

export type Direction = 'forwards' | 'backwards'

/** A stretch of a timeline; both ends lie just after a position. */
export type TimelinePage = {
  from: number
  to?: number | undefined
  direction: Direction
  limit: number
  filter: CompiledRoomEventFilter
  /** How many events may be looked at for this page. */
  maxRead?: number
}

/** An event that was passed over, and why. */
export type LeftOut = { position: number; why: HiddenBy | 'filter' }

export type Timeline = Scanned<StoredEvent> & { leftOut: LeftOut[] }

type Needs = Pick<Context, 'store'>

/** The events of a room that are for the reader and that the filter lets through, in the direction asked for. */
export async function readTimeline(ctx: Needs, reading: Reading, page: TimelinePage): Promise<Timeline> {
  const { filter, direction } = page
  const leftOut: LeftOut[] = []
  if (filter.matchesNothing || !filter.matchesRoom(reading.room.roomId))
    return { items: [], position: page.from, isEnd: true, leftOut }
  const isBackwards = direction === 'backwards'
  const scanned = await scan({
    from: isBackwards ? Math.min(page.from, lastReadable(reading)) : page.from,
    limit: page.limit,
    maxRead: page.maxRead,
    read: (from, count) =>
      isBackwards
        ? readBackwards(ctx, reading, { ...page, from, limit: count })
        : readForwards(ctx, reading, { ...page, from, limit: count }),
    keep: (events) => kept(ctx, reading, { filter, events, leftOut }),
    after: ({ position }) => (isBackwards ? position - 1 : position),
  })
  return { ...scanned, leftOut }
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

type Batch = { filter: CompiledRoomEventFilter; events: readonly StoredEvent[]; leftOut: LeftOut[] }

async function kept(ctx: Needs, reading: Reading, { filter, events, leftOut }: Batch): Promise<StoredEvent[]> {
  if (events.length === 0) return []
  const readable = await readableBy(ctx, reading, firstOf(events) - 1)
  const isRelated = await relatedTo(ctx, reading, { filter, events })
  return events.filter((event) => {
    const why = hiddenBy(readable, event) ?? (letsThrough(filter, event) && isRelated(event) ? undefined : 'filter')
    if (why) leftOut.push({ position: event.position, why })
    return why === undefined
  })
}

/** Whether an event has the relations that the filter wants; what is hidden from the reader makes none. */
async function relatedTo(
  ctx: Needs,
  reading: Reading,
  { filter, events }: Omit<Batch, 'leftOut'>,
): Promise<(event: StoredEvent) => boolean> {
  const { relatedByRelTypes: relTypes, relatedBySenders: senders } = filter
  if (!relTypes && !senders) return () => true
  const ids = events.filter((event) => letsThrough(filter, event)).map(({ eventId }) => eventId)
  const readable = await readableBy(ctx, reading)
  const conditions = { roomNid: nidOf(reading.room), readable, relTypes, senders }
  const related = await ctx.store.rooms.relations.relatedBy(ids, conditions)
  return ({ eventId }) => related.has(eventId)
}
