import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'

/**
 * The position whose state is shown with an event: its own; in a gap, where the state is not known, that of the gap's
 * upper end, which is nearer to the truth than what was before the gap.
 */
export async function stateMoment(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  { position, isHistory }: Pick<StoredEvent, 'position' | 'isHistory'>,
): Promise<number> {
  if (!isHistory) return position
  const gaps = room.isShared ? await store.rooms.gaps.list(nidOf(room)) : []
  return gaps.find((gap) => gap.firstPosition <= position && position < gap.position)?.position ?? position
}
