import { forbidden, MatrixError, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { requireLocalAlias } from './aliases.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import type { AppendNeeds } from '#services/rooms/write/append.ts'
import { nextContent, nextPowerLevels } from '#services/rooms/live/next-state.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = AppendNeeds & Pick<Context, 'config'>

export type AliasDeletion = { alias: string; by: UserId; isAdmin: boolean }

/** Deletes an alias: for its creator, users who may set the room's canonical alias, and administrators. */
export async function deleteAlias(ctx: Needs, { alias, by, isAdmin }: AliasDeletion): Promise<void> {
  const local = requireLocalAlias(ctx, alias)
  const found = await ctx.store.rooms.aliases.find(local)
  if (!found) throw notFound('The room alias is not known')
  if (found.createdBy !== by && !isAdmin && !(await maySetCanonicalAlias(ctx, found.roomId, by)))
    throw forbidden('The alias is not yours')
  await ctx.store.rooms.aliases.delete(local)
  await dropFromCanonicalAlias(ctx, { roomId: found.roomId, alias: local, by })
}

/** Whether the user may change the room's aliases and its listing in the directory. */
export async function maySetCanonicalAlias(
  ctx: Pick<Context, 'store' | 'rooms'>,
  roomId: RoomId,
  userId: UserId,
): Promise<boolean> {
  const room = await ctx.rooms.find(roomId)
  if (room?.members.get(userId) !== 'join') return false
  const levels = await nextPowerLevels(ctx, room)
  return levels.ofUser(userId) >= levels.required('m.room.canonical_alias', true)
}

/** The alias is deleted even where the user may not change the canonical alias. */
async function dropFromCanonicalAlias(
  ctx: Needs,
  { roomId, alias, by }: { roomId: RoomId; alias: string; by: UserId },
): Promise<void> {
  try {
    await appendEvents(ctx, roomId, async (room) => {
      const content = (await nextContent(ctx, room, ['m.room.canonical_alias', ''])) ?? {}
      const left = without(content, alias)
      return left ? [{ type: 'm.room.canonical_alias', stateKey: '', sender: by, content: left }] : []
    })
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error
  }
}

/** The content without the alias, undefined when it does not name it. */
function without({ alias: main, alt_aliases: others, ...rest }: JsonObject, alias: string): JsonObject | undefined {
  const isListed = Array.isArray(others) && others.includes(alias)
  if (main !== alias && !isListed) return undefined
  return {
    ...rest,
    ...(main !== alias && main !== undefined && { alias: main }),
    ...(others !== undefined && { alt_aliases: isListed ? others.filter((other) => other !== alias) : others }),
  }
}
