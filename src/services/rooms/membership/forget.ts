import { unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { requireKnown } from './require-known.ts'

/** Drops a room that the user has left from all they see. */
export async function forgetRoom(
  ctx: Pick<Context, 'rooms' | 'store' | 'bus'>,
  { roomId, userId }: { roomId: string; userId: string },
): Promise<void> {
  const room = await requireKnown(ctx, roomId, userId)
  const hasLeft = room.nid !== undefined && (await ctx.store.rooms.members.forget(room.nid, userId))
  if (!hasLeft) throw unknown('You must leave the room before you forget it')
  ctx.bus.publish('room.forgotten', { roomId, userId })
}
