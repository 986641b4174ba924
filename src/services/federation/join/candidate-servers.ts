import type { Context } from '#context.ts'
import { isValidServerName, serverOf, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { serversIn } from '#services/rooms/membership/is-elsewhere.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'config' | 'serverAccess'>

export type Entering = { roomId: RoomId; userId: UserId; via: readonly ServerName[] }

/** So many servers are asked for one join, knock or leave, one after the other. */
const maxServers = 12

/** Servers that may be in a room, each once. */
export type Candidates = {
  /** Who invited or took the knock, and those that the client names. */
  named: ServerName[]
  /** Who was in the room when this server was. */
  known: ServerName[]
}

/** Who made the room need not be in it, and that its id names a server says nothing. */
export async function candidateServers(ctx: Needs, { roomId, userId, via }: Entering): Promise<Candidates> {
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  const room = await ctx.rooms.find(roomId)
  const named = [
    ...(outside?.servers ?? []),
    ...via.slice(0, maxServers),
    ...(outside && outside.sender !== userId ? [serverOf(outside.sender)] : []),
  ]
  const isOther = (server: ServerName) =>
    isValidServerName(server) && server !== ctx.config.server_name && ctx.serverAccess(server)
  const first = new Set(named.filter(isOther).slice(0, maxServers))
  const known = new Set(room ? serversIn(ctx, room) : []).difference(first)
  return { named: [...first], known: [...known].filter(isOther).slice(0, maxServers - first.size) }
}
