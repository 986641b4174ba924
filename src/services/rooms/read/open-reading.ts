import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { membershipSpans, nidOf, visibilitySpans } from './reader-spans.ts'
import type { Reader } from './visibility.ts'

/** A user looking at a room which they may look at. */
export type Reading = Reader & {
  /** Where somebody who left saw the room last; undefined for who sees the present. */
  leftAt: number | undefined
}

/** Throws M_FORBIDDEN for strangers, who hear the same whether the room exists or not. Those who left may look back. */
export async function openReading(
  ctx: Pick<Context, 'rooms' | 'store'>,
  roomId: string,
  userId: string,
): Promise<Reading> {
  const line = await ctx.rooms.find(roomId)
  if (!line) throw stranger()
  const membership = line.members.get(userId)
  if (membership === 'join') return { line, userId, leftAt: undefined }
  const [visibility] = await visibilitySpans(ctx, line, { since: line.lastPosition })
  if (visibility?.value === 'world_readable') return { line, userId, leftAt: undefined }
  if (membership === undefined) throw stranger()
  const leftAt = await lastLeave(ctx, { line, userId })
  if (
    leftAt === undefined ||
    leftAt <= line.purgedUpTo ||
    (await ctx.store.members.find(nidOf(line), userId))?.isForgotten
  )
    throw stranger()
  return { line, userId, leftAt }
}

/** The newest position that the reader may look at. */
export const lastReadable = ({ line, leftAt }: Reading): number => leftAt ?? line.lastPosition

const stranger = () => forbidden('You are not in this room')

/** Where the user's last stay in the room ended, if they ever were in it. */
async function lastLeave(ctx: Pick<Context, 'store'>, { line, userId }: Reader): Promise<number | undefined> {
  const memberships = await membershipSpans(ctx, line, { userId, since: 0 })
  const lastJoin = memberships.findLastIndex(({ value }) => value === 'join')
  return lastJoin === -1 ? undefined : memberships[lastJoin + 1]?.from
}
