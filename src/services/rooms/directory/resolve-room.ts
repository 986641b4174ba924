import { invalidParam, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidRoomAlias, serverOf, type RoomAlias, type RoomId, type ServerName } from '#protocol/ids.ts'
import { findAlias } from './aliases.ts'

/** Servers besides this one that are named with a room. */
const maxServers = 20

type Needs = Pick<Context, 'store' | 'config' | 'remoteMembership' | 'rooms'>

/** A room given by id or alias, and servers that are said to be in it; throws M_NOT_FOUND for an unknown alias. */
export async function resolveRoom(ctx: Needs, idOrAlias: string): Promise<{ roomId: RoomId; servers: ServerName[] }> {
  if (isRoomId(idOrAlias)) return { roomId: idOrAlias, servers: [] }
  if (!isValidRoomAlias(idOrAlias)) throw invalidParam('That is neither a room id nor a room alias')
  return resolveAlias(ctx, idOrAlias)
}

/** The room of an alias of whatever server, and servers in it; throws M_NOT_FOUND for an unknown alias. */
export async function resolveAlias(ctx: Needs, alias: RoomAlias): Promise<{ roomId: RoomId; servers: ServerName[] }> {
  if (serverOf(alias) !== ctx.config.server_name) {
    const found = await ctx.remoteMembership.findAlias(alias)
    if (!found) throw notFound('The room alias is not known')
    return found
  }
  const found = await findAlias(ctx, alias)
  if (!found) throw notFound('The room alias is not known')
  const room = await ctx.rooms.find(found.roomId)
  const { server_name: own } = ctx.config
  const others = [...(room?.joinedByServer ?? [])]
    .filter(([server]) => server !== own)
    .sort((one, other) => other[1] - one[1])
  return { roomId: found.roomId, servers: [own, ...others.slice(0, maxServers).map(([server]) => server)] }
}

/** Checks the sigil alone: an unknown id finds nothing. */
const isRoomId = (text: string): text is RoomId => text.startsWith('!')
