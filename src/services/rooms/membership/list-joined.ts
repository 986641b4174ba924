import type { Context } from '#context.ts'
import type { UserId, RoomId } from '#protocol/ids.ts'

/** The ids of the rooms that a user is joined to. */
export function listJoinedRooms(ctx: Pick<Context, 'store'>, userId: UserId): Promise<RoomId[]> {
  return ctx.store.rooms.rooms.listJoined(userId)
}
