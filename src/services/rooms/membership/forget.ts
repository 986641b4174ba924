import { roomForgotten } from '#bus/topics.ts'
import { unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { requireKnown } from './require-known.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** Forgets a room that the user has left. */
export async function forgetRoom(
  ctx: Pick<Context, 'rooms' | 'store' | 'bus'>,
  { roomId, userId }: { roomId: RoomId; userId: UserId },
): Promise<void> {
  const nid =
    (await ctx.store.rooms.outside.find(roomId, userId))?.roomNid ?? (await requireKnown(ctx, roomId, userId)).nid
  const hasLeft = nid !== undefined && (await ctx.store.rooms.members.forget(nid, userId))
  if (!hasLeft) throw unknown('You must leave the room before you forget it')
  ctx.bus.publish(roomForgotten, { roomId, userId })
}
