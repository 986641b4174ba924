import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { membershipIntervals, nidOf, visibilityIntervals } from './history-intervals.ts'
import { readableBy, type Reader } from './readable.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** A user looking at a room which they may look at. */
export type Reading = Reader & {
  /** Where the last stay of a user who left ended: its state is theirs, also while anybody may read the room. */
  leftAt: number | undefined
  /** The last position whose event they may see, beyond their stay where visibility allows; undefined: all. */
  readableUpTo: number | undefined
}

/** What is seen of the current room. */
export const ofCurrentRoom = { leftAt: undefined, readableUpTo: undefined }

type Needs = Pick<Context, 'rooms' | 'store' | 'ignoredUsers'>

/**
 * Throws M_FORBIDDEN for others, in the same way whether the room exists or not. Users who left may read up to
 * then, and what visibility has let them see since.
 */
export async function openReading(ctx: Needs, roomId: RoomId, userId: UserId): Promise<Reading> {
  const room = await ctx.rooms.find(roomId)
  if (!room) throw stranger()
  const reader = { room, userId, ignored: await ctx.ignoredUsers.of(userId) }
  const membership = room.members.get(userId)
  if (membership === 'join') return { ...reader, ...ofCurrentRoom }
  const leftAt = await stayUpTo(ctx, reader)
  if (await isWorldReadable(ctx, room)) return { ...reader, leftAt, readableUpTo: undefined }
  if (leftAt === undefined) throw stranger()
  const { ranges } = await readableBy(ctx, reader)
  return { ...reader, leftAt, readableUpTo: Math.max(leftAt, ranges.at(-1)?.to ?? 0) }
}

/** The newest position whose event the reader may see. */
export const lastReadable = ({ room, readableUpTo }: Reading): number =>
  Math.min(readableUpTo ?? Infinity, room.lastPosition)

/** The newest position of which the reader may know the room's state. */
export const lastVisibleState = ({ room, leftAt }: Reading): number => leftAt ?? room.lastPosition

const stranger = () => forbidden('You are not in this room')

/** Whether the user forgot a room, and has not come in sight of it again. */
export async function hasForgotten(
  { store }: Pick<Context, 'store'>,
  { room, userId }: Pick<Reader, 'room' | 'userId'>,
): Promise<boolean> {
  const membership = room.members.get(userId)
  if (membership !== 'leave' && membership !== 'ban') return false
  return (await store.rooms.members.find(nidOf(room), userId))?.isForgotten ?? false
}

export async function isWorldReadable(ctx: Pick<Context, 'store'>, room: LiveRoom): Promise<boolean> {
  const [visibility] = await visibilityIntervals(ctx, room, { since: room.lastPosition })
  return visibility?.value === 'world_readable'
}

/** Where the user's last stay in the room ended, if they ever were in it, it is not purged, and they did not forget it. */
async function stayUpTo(ctx: Pick<Context, 'store'>, { room, userId }: Reader): Promise<number | undefined> {
  if (!room.members.has(userId)) return undefined
  const memberships = await membershipIntervals(ctx, room, { userId, since: 0 })
  const lastJoin = memberships.findLastIndex(({ value }) => value === 'join')
  const leftAt = lastJoin === -1 ? undefined : memberships[lastJoin + 1]?.from
  if (leftAt === undefined || leftAt <= room.purgedUpTo) return undefined
  return (await hasForgotten(ctx, { room, userId })) ? undefined : leftAt
}
