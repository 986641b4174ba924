import type { Context } from '#context.ts'
import { isValidRoomId, isValidServerName, serverOf, type RoomId, type ServerName } from '#protocol/ids.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'

/** Servers that are kept of an answer. */
const maxServers = 20

/** Asks the server of an alias where it leads to; undefined where it says that there is no such alias. */
export async function findRemoteAlias(
  ctx: Pick<Context, 'config' | 'signingKey' | 'transport' | 'serverAccess' | 'destinations'>,
  alias: string,
): Promise<{ roomId: RoomId; servers: ServerName[] } | undefined> {
  const server = serverOf(alias)
  const path = ['_matrix', 'federation', 'v1', 'query', 'directory']
  try {
    const answer = await askServer(ctx, {
      destination: server,
      method: 'GET',
      path,
      query: { room_alias: alias },
      isUrgent: true,
    })
    const { room_id: roomId, servers } = answer
    if (typeof roomId !== 'string' || !isValidRoomId(roomId)) throw new RemoteError(server, 'The answer names no room')
    const named = Array.isArray(servers) ? servers.slice(0, maxServers) : []
    const isName = (name: unknown): name is ServerName => typeof name === 'string' && isValidServerName(name)
    return { roomId, servers: [...new Set([...named.filter(isName), server])] }
  } catch (error) {
    if (error instanceof RemoteError && error.status === 404) return undefined
    throw error instanceof RemoteError ? error.toClientError() : error
  }
}
