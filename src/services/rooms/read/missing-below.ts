import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'

/** Gaps keep twice as many positions free: events that lie closer have none between them. */
const closePositions = 500_000

type Stretch = { events: readonly Pick<StoredEvent, 'position'>[]; after: number; upTo: number }

/**
 * The position at and below which history is missing that belongs between the events, newest first, and where they end;
 * 0 where nothing is missing. Only events that lie far apart cost a query.
 */
export async function missingBelow(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  { events, after, upTo }: Stretch,
): Promise<number> {
  const positions = [upTo, ...events.map(({ position }) => position), after]
  const isClose = positions.every((position, index) => position - (positions[index + 1] ?? 0) < closePositions)
  if (isClose) return 0
  const gaps = room.isShared ? await store.rooms.gaps.list(nidOf(room)) : []
  const isOpen = ({ edges, nextPosition }: { edges: readonly unknown[]; nextPosition: number }) =>
    edges.length > 0 && nextPosition > Math.max(after, room.purgedUpTo) && nextPosition <= upTo
  return gaps.find(isOpen)?.nextPosition ?? 0
}
