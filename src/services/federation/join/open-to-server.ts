import { forbidden, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** A room that users of this server are in, if it lets the other server take part. */
export async function roomOpenTo(
  ctx: Pick<Context, 'rooms' | 'store' | 'serverAcls'>,
  roomId: RoomId,
  server: ServerName,
): Promise<LiveRoom> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.localUsers.size === 0) throw notFound('This server is not in the room')
  if (!(await mayTakePart(ctx, room, server))) throw forbidden('The room does not let your server take part')
  // Who may enter, and what is given to those who do, is not known before the members are here.
  if (room.isPartial) throw notFound('The room is still being joined')
  return room
}
