import type { Context } from '#context.ts'
import { mayReadEvent } from '#protocol/rooms/history-visibility.ts'
import { membershipIntervals, valueAt, visibilityIntervals, type Interval } from './history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { UserId } from '#protocol/ids.ts'

/** A user looking at a room. */
export type Reader = { room: LiveRoom; userId: UserId }

/**
 * Of some events of a room, those that the user may see, in the same order; present members mostly cost no query.
 * https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
 */
export async function visibleEvents<Event extends { position: number }>(
  ctx: Pick<Context, 'store'>,
  { room, userId }: Reader,
  events: readonly Event[],
): Promise<Event[]> {
  const { purgedUpTo } = room
  const kept = purgedUpTo === 0 ? events : events.filter(({ position }) => position > purgedUpTo)
  return allowedEvents(ctx, { room, userId }, kept)
}

async function allowedEvents<Event extends { position: number }>(
  ctx: Pick<Context, 'store'>,
  { room, userId }: Reader,
  events: readonly Event[],
): Promise<Event[]> {
  if (events.length === 0) return []
  const first = events.reduce((least, { position }) => Math.min(least, position), Infinity)
  const isJoined = room.members.get(userId) === 'join'
  if (isJoined && (room.entry('m.room.member', userId)?.from ?? Infinity) <= first) return [...events]
  // The state before the first event counts too.
  const since = first - 1
  const visibilities = await visibilityIntervals(ctx, room, { since })
  if (isJoined && visibilities.every(({ value }) => value === 'shared' || value === 'world_readable'))
    return [...events]
  const memberships = await membershipIntervals(ctx, room, { userId, since })
  const lastJoin = lastJoinOf(memberships)
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

/**
 * The first position from one on at which the user might see an event: they may know the room's state there too.
 * Undefined where none comes any more.
 */
export async function firstReadable(
  ctx: Pick<Context, 'store'>,
  { room, userId }: Reader,
  since: number,
): Promise<number | undefined> {
  const visibilities = await visibilityIntervals(ctx, room, { since })
  const memberships = await membershipIntervals(ctx, room, { userId, since })
  const lastJoin = lastJoinOf(memberships)
  const changes = [...visibilities, ...memberships].map(({ from }) => from).filter((from) => from > since)
  return [since, ...changes.sort((one, other) => one - other)].find((position) => {
    const visibility = valueAt(visibilities, position) ?? 'shared'
    const membership = valueAt(memberships, position)
    return mayReadEvent({
      visibilityBefore: visibility,
      visibilityAfter: visibility,
      membershipBefore: membership,
      membershipAfter: membership,
      joinedSince: lastJoin > position,
    })
  })
}

const lastJoinOf = (memberships: readonly Interval<string>[]): number =>
  memberships.findLast(({ value }) => value === 'join')?.from ?? 0
