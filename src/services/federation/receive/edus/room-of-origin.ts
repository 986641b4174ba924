import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { readServerAcl } from '#protocol/rooms/server-acl.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'

/** The room, where users here are in it, users of the server are as well, and its ACL lets the server take part. */
export async function roomOfOrigin(
  ctx: Pick<Context, 'rooms' | 'store'>,
  roomId: RoomId,
  origin: ServerName,
): Promise<LiveRoom | undefined> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.localUsers.size === 0 || !room.joinedByServer.has(origin)) return undefined
  await loadStateEntries(ctx, room, [['m.room.server_acl', '']])
  return readServerAcl(room.entry('m.room.server_acl', '')?.pdu?.content)(origin) ? room : undefined
}
