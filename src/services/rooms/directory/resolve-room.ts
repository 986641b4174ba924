import { invalidParam, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidRoomAlias, serverOf, type RoomId, type ServerName } from '#protocol/ids.ts'
import { findAlias } from './aliases.ts'

type Needs = Pick<Context, 'store' | 'config' | 'remoteMembership'>

/** A room given by id or alias, and servers that are said to be in it; throws M_NOT_FOUND for an unknown alias. */
export async function resolveRoom(ctx: Needs, idOrAlias: string): Promise<{ roomId: RoomId; servers: ServerName[] }> {
  if (isRoomId(idOrAlias)) return { roomId: idOrAlias, servers: [] }
  if (!isValidRoomAlias(idOrAlias)) throw invalidParam('That is neither a room id nor a room alias')
  const found =
    serverOf(idOrAlias) === ctx.config.server_name
      ? await findAlias(ctx, idOrAlias)
      : await ctx.remoteMembership.findAlias(idOrAlias)
  if (!found) throw notFound('The room alias is not known')
  return { roomId: found.roomId, servers: 'servers' in found ? found.servers : [] }
}

/** Checks the sigil alone: an unknown id finds nothing. */
const isRoomId = (text: string): text is RoomId => text.startsWith('!')
