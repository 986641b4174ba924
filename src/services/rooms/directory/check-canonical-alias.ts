import { badAlias, badJson, invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { isValidRoomAlias } from '#protocol/ids.ts'
import { findAlias } from './aliases.ts'
import { nextContent } from '#services/rooms/live/next-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/**
 * Refuses aliases that are new in the event and malformed (M_INVALID_PARAM) or not the room's (M_BAD_ALIAS).
 * https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias
 */
export async function checkCanonicalAlias(
  ctx: Pick<Context, 'store' | 'config'>,
  room: LiveRoom,
  content: JsonObject,
): Promise<void> {
  const known = new Set(aliasesIn((await nextContent(ctx, room, ['m.room.canonical_alias', ''])) ?? {}))
  const added = [...new Set(aliasesIn(content))].filter((alias) => !known.has(alias))
  for (const alias of added) {
    if (typeof alias !== 'string') throw badJson('An alias is a string')
    if (!isValidRoomAlias(alias)) throw invalidParam('An alias is not valid')
  }
  for (const alias of added) {
    const found = await findAlias(ctx, String(alias))
    if (found?.roomId !== room.roomId) throw badAlias()
  }
}

/** Every alias of the event; null and an empty text count as absent. */
export function aliasesIn({ alias, alt_aliases: others }: JsonObject): JsonValue[] {
  const main = alias === undefined || alias === null || alias === '' ? [] : [alias]
  if (others === undefined || others === null) return main
  return [...main, ...(Array.isArray(others) ? others : [others])]
}
