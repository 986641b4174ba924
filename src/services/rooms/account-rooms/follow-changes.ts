import { roomForgotten, roomRemoved } from '#bus/topics.ts'
import type { Context } from '#context.ts'

/** Updates the indexes of accounts after changes without events; the answer stops it. */
export function followAccountRooms({ bus, accountRooms }: Pick<Context, 'bus' | 'accountRooms'>): () => void {
  const followed = [
    bus.subscribe(roomRemoved, ({ roomId }) => accountRooms.removed(roomId)),
    bus.subscribe(roomForgotten, ({ roomId, userId }) => accountRooms.forgotten(roomId, userId)),
  ]
  return () => followed.forEach((end) => end())
}
