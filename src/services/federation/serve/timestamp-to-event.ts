import { notFound } from '#base/errors.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import { isWithin } from '#services/rooms/read/readable.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { openServingToMember, type ServingNeeds } from './open-serving.ts'

const batch = 100
const maxBatches = 20

type Asked = { roomId: RoomId; server: ServerName; ts: number; direction: 'forwards' | 'backwards' }

/** The event closest to a moment in one direction that the server may see; throws M_NOT_FOUND where there is none. */
export async function serveTimestampToEvent(
  ctx: ServingNeeds,
  { roomId, server, ts, direction }: Asked,
): Promise<StoredEvent> {
  const { room, ranges } = await openServingToMember(ctx, roomId, server)
  const query = { roomNid: nidOf(room), ts, direction, upTo: room.lastPosition, limit: batch }
  for (let skip = 0; skip < maxBatches * batch; skip += batch) {
    const events = await ctx.store.rooms.events.nearTimestamp({ ...query, skip })
    const closest = events.find(({ position }) => position > room.purgedUpTo && isWithin(ranges, position))
    if (closest) return closest
    if (events.length < batch) break
  }
  throw notFound('There is no event in that direction')
}
