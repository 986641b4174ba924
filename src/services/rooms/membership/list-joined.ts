import type { Context } from '#context.ts'

/** The ids of the rooms a user is in. */
export function listJoinedRooms(ctx: Pick<Context, 'store'>, userId: string): Promise<string[]> {
  return ctx.store.rooms.rooms.listJoined(userId)
}
