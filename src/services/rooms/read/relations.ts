import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'
import { scan, type Scanned } from './scan.ts'
import type { SingleEvent } from './single-event.ts'
import type { Direction } from './timeline.ts'
import { readableEvents } from './readable.ts'
import type { EventId } from '#protocol/ids.ts'

export type RelationPage = {
  relType?: string | undefined
  eventType?: string | undefined
  /** Also what relates to what relates to the event, and so on. */
  isRecursive: boolean
  from: number
  to?: number | undefined
  direction: Direction
  limit: number
}

/** How far recursion goes, and how many events of one level it follows. */
export const recursionDepth = 3
const maxFollowed = 1000

/** The visible events that relate to an event, in the order of the stream. */
export async function readRelations(
  ctx: Pick<Context, 'store'>,
  parent: SingleEvent,
  page: RelationPage,
): Promise<Scanned<StoredEvent>> {
  const { relType, eventType, direction } = page
  const isBackwards = direction === 'backwards'
  const roomNid = nidOf(parent.room)
  const parentIds = page.isRecursive ? await ancestors(ctx, parent, page) : [parent.event.eventId]
  const until = page.to === undefined ? undefined : page.to + (isBackwards ? 0 : 1)
  return scan({
    from: page.from,
    limit: page.limit,
    read: (from, limit) =>
      ctx.store.rooms.relations.page({
        roomNid,
        parentIds,
        relType,
        eventType,
        from: isBackwards ? from + 1 : from,
        until,
        direction,
        limit,
      }),
    keep: (events) => readableEvents(ctx, parent, events),
    after: ({ position }) => (isBackwards ? position - 1 : position),
  })
}

/** The event and those of which children count too; what the filter leaves out leads no further. */
async function ancestors(
  ctx: Pick<Context, 'store'>,
  { room, event }: SingleEvent,
  { relType, eventType }: RelationPage,
): Promise<EventId[]> {
  const known = new Set([event.eventId])
  let level = [event.eventId]
  for (let depth = 1; depth < recursionDepth && level.length > 0; depth++) {
    const conditions = { roomNid: nidOf(room), relType, eventType, limit: maxFollowed }
    const children = await ctx.store.rooms.relations.childIds(level, conditions)
    level = children.filter((id) => !known.has(id))
    for (const id of level) known.add(id)
  }
  return [...known]
}
