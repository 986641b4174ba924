import type { Context } from '#context.ts'
import { isValidServerName, serverOf, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { serversIn } from '#services/rooms/membership/is-elsewhere.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'config' | 'serverAccess'>

export type Entering = { roomId: RoomId; userId: UserId; via: readonly ServerName[] }

/** So many servers are asked for one join, knock or leave, one after the other. */
const maxServers = 12

/**
 * Servers that may be in a room: who invited or took the knock, those named, and who was there. Who made the room need
 * not be in it, and that its id names a server says nothing.
 */
export async function candidateServers(ctx: Needs, { roomId, userId, via }: Entering): Promise<ServerName[]> {
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  const room = await ctx.rooms.find(roomId)
  const named = [
    ...(outside?.servers ?? []),
    ...via.slice(0, maxServers),
    ...(outside && outside.sender !== userId ? [serverOf(outside.sender)] : []),
    ...(room ? serversIn(ctx, room) : []),
  ]
  const isOther = (server: ServerName) => isValidServerName(server) && server !== ctx.config.server_name
  return [...new Set(named)].filter((server) => isOther(server) && ctx.serverAccess(server)).slice(0, maxServers)
}
