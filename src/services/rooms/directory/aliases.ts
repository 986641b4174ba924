import { aliasTaken, forbidden, invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidRoomAlias, serverOf, type RoomAlias, type RoomId, type UserId } from '#protocol/ids.ts'
import type { StoredAlias } from '#store/rooms/room-aliases.ts'
import { nextContent } from '#services/rooms/live/next-state.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

const maxAliasesOfUser = 1000

/** A stored alias of this server; undefined also for those of other servers. */
export async function findAlias(ctx: Pick<Context, 'store'>, alias: string): Promise<StoredAlias | undefined> {
  return ctx.store.rooms.aliases.find(alias)
}

export type NewAlias = { alias: string; roomId: RoomId; by: UserId }

/** Points a new alias of this server at a room, for its members. */
export async function createAlias(
  ctx: Pick<Context, 'store' | 'config' | 'clock' | 'rooms'>,
  { alias, roomId, by }: NewAlias,
): Promise<void> {
  const local = requireLocalAlias(ctx, alias)
  const room = await requireJoined(ctx, roomId, by)
  await requireAliasLeft(ctx, by)
  const created = { alias: local, roomId: room.roomId, createdBy: by, createdAt: ctx.clock.now() }
  if (!(await ctx.store.rooms.aliases.insert(created))) throw aliasTaken()
}

/** Refuses a user with too many aliases. */
export async function requireAliasLeft(ctx: Pick<Context, 'store'>, userId: UserId): Promise<void> {
  if ((await ctx.store.rooms.aliases.countBy(userId)) >= maxAliasesOfUser) throw forbidden('You have too many aliases')
}

/** Refuses malformed aliases and those of other servers. */
export function requireLocalAlias(ctx: Pick<Context, 'config'>, alias: string): RoomAlias {
  if (!isValidRoomAlias(alias)) throw invalidParam('The room alias is not valid')
  if (serverOf(alias) !== ctx.config.server_name) throw invalidParam("The alias is another server's")
  return alias
}

/** The aliases of a room, for its members, or for all users where its history is world-readable. */
export async function listAliases(
  ctx: Pick<Context, 'store' | 'rooms'>,
  { roomId, userId }: { roomId: RoomId; userId: UserId },
): Promise<RoomAlias[]> {
  const room = await ctx.rooms.find(roomId)
  if (!room || (room.members.get(userId) !== 'join' && !(await nextIsWorldReadable(ctx, room))))
    throw forbidden('You are not in this room')
  return ctx.store.rooms.aliases.listForRoom(roomId)
}

async function nextIsWorldReadable(ctx: Pick<Context, 'store'>, room: LiveRoom): Promise<boolean> {
  const visibility = await nextContent(ctx, room, ['m.room.history_visibility', ''])
  return visibility?.history_visibility === 'world_readable'
}
