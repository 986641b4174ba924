import type { Context } from '#context.ts'
import { mayReadEvent } from '#protocol/history-visibility.ts'
import { membershipSpans, valueAt, visibilitySpans } from './reader-spans.ts'
import type { RoomLine } from './room-line.ts'

/** A user looking at a room. */
export type Reader = { line: RoomLine; userId: string }

/**
 * Of some events of a room, those that the user may see, in the same order; present members mostly cost no query.
 * https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
 */
export async function visibleEvents<Event extends { position: number }>(
  ctx: Pick<Context, 'store'>,
  { line, userId }: Reader,
  events: readonly Event[],
): Promise<Event[]> {
  const { purgedUpTo } = line
  const kept = purgedUpTo === 0 ? events : events.filter(({ position }) => position > purgedUpTo)
  return allowedEvents(ctx, { line, userId }, kept)
}

async function allowedEvents<Event extends { position: number }>(
  ctx: Pick<Context, 'store'>,
  { line, userId }: Reader,
  events: readonly Event[],
): Promise<Event[]> {
  if (events.length === 0) return []
  const first = events.reduce((least, { position }) => Math.min(least, position), Infinity)
  const isJoined = line.members.get(userId) === 'join'
  if (isJoined && (line.holder('m.room.member', userId)?.from ?? Infinity) <= first) return [...events]
  // The state before the first event counts too.
  const since = first - 1
  const visibilities = await visibilitySpans(ctx, line, { since })
  if (isJoined && visibilities.every(({ value }) => value === 'shared' || value === 'world_readable'))
    return [...events]
  const memberships = await membershipSpans(ctx, line, { userId, since })
  const lastJoin = memberships.findLast(({ value }) => value === 'join')?.from ?? 0
  return events.filter(({ position }) =>
    mayReadEvent({
      visibilityBefore: valueAt(visibilities, position - 1) ?? 'shared',
      visibilityAfter: valueAt(visibilities, position) ?? 'shared',
      membershipBefore: valueAt(memberships, position - 1),
      membershipAfter: valueAt(memberships, position),
      joinedSince: lastJoin > position,
    }),
  )
}
