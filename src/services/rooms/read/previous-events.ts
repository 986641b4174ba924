import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** Exclusive bounds, and how many of the newest between them. */
export type Stretch = { after: number; before: number; limit: number }

/** Accepted events of a room between two positions, the newest first: from memory where the line reaches back that far. */
export async function previousEvents(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  { after: from, before, limit }: Stretch,
): Promise<StoredEvent[]> {
  const after = Math.max(from, room.purgedUpTo)
  const events: StoredEvent[] = []
  for (let i = room.recent.length - 1; i >= 0 && events.length < limit; i--) {
    const event = room.recent[i] as StoredEvent
    if (event.position <= after) break
    if (event.position < before && event.status === 'accepted') events.push(event)
  }
  if (events.length === limit || room.recentFrom <= after) return events
  const newest = events.at(-1)?.position ?? Math.min(before, room.recentFrom + 1)
  const older = await store.rooms.events.page({
    roomNid: room.nid ?? 0,
    from: newest,
    until: after,
    direction: 'backwards',
    limit: limit - events.length,
  })
  return [...events, ...older]
}
