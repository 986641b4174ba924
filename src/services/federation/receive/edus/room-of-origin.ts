import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** The room, where users here are in it, users of the server are as well, and its ACL lets the server take part. */
export async function roomOfOrigin(
  ctx: Pick<Context, 'rooms' | 'store' | 'serverAcls'>,
  roomId: RoomId,
  origin: ServerName,
): Promise<LiveRoom | undefined> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.localUsers.size === 0 || !room.joinedByServer.has(origin)) return undefined
  return (await mayTakePart(ctx, room, origin)) ? room : undefined
}
