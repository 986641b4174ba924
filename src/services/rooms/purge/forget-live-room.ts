import { roomHidden } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'

/** Makes every process read a room anew, or find that it is gone. */
export function forgetLiveRoom(ctx: Pick<Context, 'rooms' | 'bus'>, roomId: RoomId): void {
  ctx.rooms.drop(roomId)
  ctx.bus.publish(roomHidden, { roomId })
}

/** Follows what other processes hide; the answer stops it. */
export function followHiddenRooms({ rooms, bus }: Pick<Context, 'rooms' | 'bus'>): () => void {
  return bus.subscribe(roomHidden, ({ roomId }) => rooms.drop(roomId))
}
