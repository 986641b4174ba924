import type { Context } from '#context.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

type Needs = Pick<Context, 'rooms' | 'config'>

/**
 * Whether only other servers can let a user into the room: it is unknown here, or none of this server's users is in it
 * and those of others are, or were when it was last heard of; or its members are still to come, and the user may be
 * among them.
 */
export async function isElsewhere(ctx: Needs, roomId: RoomId, userId?: UserId): Promise<boolean> {
  const room = await ctx.rooms.find(roomId)
  if (!room) return true
  const isUnknown = userId !== undefined && room.isPartial && !room.members.has(userId)
  return (isUnknown || room.localUsers.size === 0) && serversIn(ctx, room).length > 0
}

/** The other servers in a room, those with the most users first. */
export const serversIn = ({ config }: Pick<Context, 'config'>, room: LiveRoom): ServerName[] =>
  [...room.joinedByServer]
    .filter(([server]) => server !== config.server_name)
    .sort(([, one], [, other]) => other - one)
    .map(([server]) => server)
