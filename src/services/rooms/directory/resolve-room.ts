import { invalidParam, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidRoomAlias, type RoomId } from '#protocol/ids.ts'
import { findAlias } from './aliases.ts'

/** The id of a room given by id or alias; throws M_NOT_FOUND for an unknown alias. */
export async function resolveRoom(ctx: Pick<Context, 'store' | 'config'>, idOrAlias: string): Promise<RoomId> {
  if (isRoomId(idOrAlias)) return idOrAlias
  if (!isValidRoomAlias(idOrAlias)) throw invalidParam('That is neither a room id nor a room alias')
  const found = await findAlias(ctx, idOrAlias)
  if (!found) throw notFound('The room alias is not known')
  return found.roomId
}

/** Checks the sigil alone: an unknown id finds nothing. */
const isRoomId = (text: string): text is RoomId => text.startsWith('!')
