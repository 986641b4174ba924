import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomId } from '#protocol/ids.ts'

/** The room's line, bare or not, once nothing waits for its commit. In the room's turn it stays so until the turn ends. */
export async function settledRoom(ctx: Pick<Context, 'rooms'>, roomId: RoomId): Promise<LiveRoom> {
  for (;;) {
    const room = await ctx.rooms.findStored(roomId)
    if (!room) throw notFound('The room is not known')
    await room.lastWrite
    if (!room.isBroken) return room
  }
}
