import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { lastReadable, type Reading } from './open-reading.ts'
import { nidOf } from './history-intervals.ts'
import type { Direction } from './timeline.ts'
import { readableEvents } from './readable.ts'

const batch = 100
const maxBatches = 20

/** The visible event closest to a moment (milliseconds) in one direction. Throws M_NOT_FOUND where there is none. */
export async function findEventByTimestamp(
  ctx: Pick<Context, 'store'>,
  reading: Reading,
  { ts, direction }: { ts: number; direction: Direction },
): Promise<StoredEvent> {
  const query = { roomNid: nidOf(reading.room), ts, direction, upTo: lastReadable(reading), limit: batch }
  for (let skip = 0; skip < maxBatches * batch; skip += batch) {
    const events = await ctx.store.rooms.events.nearTimestamp({ ...query, skip })
    const [closest] = await readableEvents(ctx, reading, events)
    if (closest) return closest
    if (events.length < batch) break
  }
  throw notFound('There is no event in that direction')
}
