import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** The room, if the user is joined; refuses others in the same way whether the room exists or not. */
export async function requireJoined(ctx: Pick<Context, 'rooms'>, roomId: RoomId, userId: UserId): Promise<LiveRoom> {
  const room = await ctx.rooms.find(roomId)
  if (room?.members.get(userId) !== 'join') throw forbidden('You are not in this room')
  return room
}
