import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** Exclusive bounds, and how many of the newest between them. */
export type Stretch = { after: number; before: number; limit: number }

/** Accepted events of a room between two positions, the newest first: from memory where the line reaches back that far. */
export async function previousEvents(
  { store }: Pick<Context, 'store'>,
  line: RoomLine,
  { after: from, before, limit }: Stretch,
): Promise<StoredEvent[]> {
  const after = Math.max(from, line.purgedUpTo)
  const events: StoredEvent[] = []
  for (let i = line.recent.length - 1; i >= 0 && events.length < limit; i--) {
    const event = line.recent[i] as StoredEvent
    if (event.position <= after) break
    if (event.position < before && event.status === 'accepted') events.push(event)
  }
  if (events.length === limit || line.recentFrom <= after) return events
  const newest = events.at(-1)?.position ?? Math.min(before, line.recentFrom + 1)
  const older = await store.events.page({
    roomNid: line.nid ?? 0,
    from: newest,
    until: after,
    direction: 'backwards',
    limit: limit - events.length,
  })
  return [...events, ...older]
}
