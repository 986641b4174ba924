import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** The room, if the user has or had a membership in it; refuses others in the same way whether it exists or not. */
export async function requireKnown(ctx: Pick<Context, 'rooms'>, roomId: RoomId, userId: UserId): Promise<LiveRoom> {
  const room = await ctx.rooms.find(roomId)
  if (!room?.members.has(userId)) throw forbidden('You are not in this room')
  return room
}
