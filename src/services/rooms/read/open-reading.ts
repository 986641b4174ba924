import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { membershipIntervals, nidOf, visibilityIntervals } from './history-intervals.ts'
import type { Reader } from './visibility.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** A user looking at a room which they may look at. */
export type Reading = Reader & {
  /** Where somebody who left saw the room last; undefined for who sees the present. */
  leftAt: number | undefined
}

/** Throws M_FORBIDDEN for strangers, who hear the same whether the room exists or not. Those who left may look back. */
export async function openReading(
  ctx: Pick<Context, 'rooms' | 'store'>,
  roomId: RoomId,
  userId: UserId,
): Promise<Reading> {
  const room = await ctx.rooms.find(roomId)
  if (!room) throw stranger()
  const membership = room.members.get(userId)
  if (membership === 'join') return { room, userId, leftAt: undefined }
  const [visibility] = await visibilityIntervals(ctx, room, { since: room.lastPosition })
  if (visibility?.value === 'world_readable') return { room, userId, leftAt: undefined }
  if (membership === undefined) throw stranger()
  const leftAt = await lastLeave(ctx, { room, userId })
  if (
    leftAt === undefined ||
    leftAt <= room.purgedUpTo ||
    (await ctx.store.rooms.members.find(nidOf(room), userId))?.isForgotten
  )
    throw stranger()
  return { room, userId, leftAt }
}

/** The newest position that the reader may look at. */
export const lastReadable = ({ room, leftAt }: Reading): number => leftAt ?? room.lastPosition

const stranger = () => forbidden('You are not in this room')

/** Where the user's last stay in the room ended, if they ever were in it. */
async function lastLeave(ctx: Pick<Context, 'store'>, { room, userId }: Reader): Promise<number | undefined> {
  const memberships = await membershipIntervals(ctx, room, { userId, since: 0 })
  const lastJoin = memberships.findLastIndex(({ value }) => value === 'join')
  return lastJoin === -1 ? undefined : memberships[lastJoin + 1]?.from
}
