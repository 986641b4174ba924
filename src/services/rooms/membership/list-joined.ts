import type { Context } from '#context.ts'
import type { UserId, RoomId } from '#protocol/ids.ts'

/** The ids of the rooms a user is in. */
export function listJoinedRooms(ctx: Pick<Context, 'store'>, userId: UserId): Promise<RoomId[]> {
  return ctx.store.rooms.rooms.listJoined(userId)
}
