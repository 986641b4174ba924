import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { letsThrough } from './filterable.ts'
import { membersOfSenders } from './members-of-senders.ts'
import type { Reading } from './open-reading.ts'
import { readEventOf } from './single-event.ts'
import { wholeStateAt } from '#services/rooms/state/state-at-position.ts'
import { stateMoment } from './state-moment.ts'
import { readTimeline } from './timeline.ts'
import type { EventId } from '#protocol/ids.ts'

export type EventContext = {
  event: StoredEvent
  /** Newest first. */
  before: StoredEvent[]
  /** Oldest first. */
  after: StoredEvent[]
  /** The state at the last of the events. */
  state: StoredEvent[]
  /** Positions from where to page on in either direction. */
  start: number
  end: number
}

/** An event with what happened around it; `limit` counts the others. Throws M_NOT_FOUND where it may not be seen. */
export async function readContext(
  ctx: Pick<Context, 'rooms' | 'store'>,
  reading: Reading,
  { eventId, limit, filter }: { eventId: EventId; limit: number; filter: CompiledRoomEventFilter },
): Promise<EventContext> {
  const event = await readEventOf(ctx, reading, eventId)
  const { position } = event
  const earlier = Math.floor(limit / 2)
  const [before, after] = await Promise.all([
    readTimeline(ctx, reading, { from: position - 1, direction: 'backwards', limit: earlier, filter }),
    readTimeline(ctx, reading, { from: position, direction: 'forwards', limit: limit - earlier, filter }),
  ])
  const shown = [...before.items, event, ...after.items]
  const members = filter.lazyLoadMembers ? await membersOfSenders(ctx, reading, shown) : undefined
  const last = after.items.at(-1) ?? event
  const state = await wholeStateAt(ctx, reading.room, {
    position: await stateMoment(ctx, reading.room, last),
    isWanted: ({ type }) => !members || type !== 'm.room.member',
  })
  return {
    event,
    before: before.items,
    after: after.items,
    state: [...state, ...(members ?? [])].filter((one) => letsThrough(filter, one)),
    start: before.position,
    end: after.position,
  }
}
