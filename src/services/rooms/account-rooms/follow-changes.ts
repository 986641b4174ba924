import type { RoomId, UserId } from '#protocol/ids.ts'
import type { Context } from '#context.ts'

/** Keeps the indexes of accounts in step with what does not come with events; the answer stops it. */
export function followAccountRooms({ bus, accountRooms }: Pick<Context, 'bus' | 'accountRooms'>): () => void {
  const stopRemoved = bus.subscribe('room.removed', (roomId) => accountRooms.removed(roomId as RoomId))
  const stopForgotten = bus.subscribe('room.forgotten', (message) => {
    const { roomId, userId } = message as { roomId: RoomId; userId: UserId }
    accountRooms.forgotten(roomId, userId)
  })
  return () => {
    stopRemoved()
    stopForgotten()
  }
}
