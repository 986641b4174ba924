import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import type { HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { PositionRange, Readable } from '#store/rooms/readable.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { membershipIntervals, visibilityIntervals } from './history-intervals.ts'
import { lastPosition, readableMoments, readableRanges } from './readable-ranges.ts'

/** A reader of a room, and the users they ignore. */
export type Reader = { room: LiveRoom; userId: UserId; ignored: ReadonlySet<UserId> }

type Needs = Pick<Context, 'store'>

/** What is asked of an event to know whether a reader gets it. */
export type Judged = { position: number; sender: UserId; stateKey: string | null }

/**
 * Which events of the room are for the reader: the one rule of all reads. It holds for events after a position; what
 * stands before counts as hidden where the whole past is not needed. Members mostly cost no query.
 */
export async function readableBy(ctx: Needs, { room, userId, ignored }: Reader, since = 0): Promise<Readable> {
  const ranges = await rangesOf(ctx, { room, userId }, since)
  return { ignored, ranges: after(ranges, room.purgedUpTo) }
}

async function rangesOf(
  ctx: Needs,
  { room, userId }: Pick<Reader, 'room' | 'userId'>,
  since: number,
): Promise<PositionRange[]> {
  const isJoined = room.members.get(userId) === 'join'
  const joinedAt = isJoined ? (room.joinedAt(userId) ?? room.entry('m.room.member', userId)?.from) : undefined
  if (joinedAt !== undefined && joinedAt <= since) return [{ from: joinedAt, to: lastPosition }]
  const visibilities = await visibilityIntervals(ctx, room, { since })
  if (isJoined && visibilities.every(({ value }) => isForMembers(value)))
    return [{ from: (visibilities[0]?.from ?? 0) <= since ? since : 0, to: lastPosition }]
  return readableRanges({
    visibilities: await visibilityIntervals(ctx, room, { since: 0 }),
    memberships: await membershipIntervals(ctx, room, { userId, since: 0 }),
  })
}

/** Whether members see also what came before they joined. */
const isForMembers = (visibility: HistoryVisibility): boolean =>
  visibility === 'shared' || visibility === 'world_readable'

const after = (ranges: PositionRange[], position: number): PositionRange[] =>
  position === 0
    ? ranges
    : ranges.flatMap(({ from, to }) => (to <= position ? [] : [{ from: Math.max(from, position + 1), to }]))

/** Why a reader does not get an event. */
export type HiddenBy = 'visibility' | 'ignored'

export function hiddenBy({ ranges, ignored }: Readable, { position, sender, stateKey }: Judged): HiddenBy | undefined {
  if (!isWithin(ranges, position)) return 'visibility'
  return stateKey === null && ignored.has(sender) ? 'ignored' : undefined
}

/** Most events that are looked at are new. */
export const isWithin = (ranges: readonly PositionRange[], position: number): boolean =>
  (ranges.findLast(({ from }) => from <= position)?.to ?? -Infinity) >= position

/** Of some events of a room, those that are for the reader, in the same order. */
export async function readableEvents<Event extends Judged>(
  ctx: Needs,
  reader: Reader,
  events: readonly Event[],
): Promise<Event[]> {
  if (events.length === 0) return []
  const readable = await readableBy(ctx, reader, firstOf(events) - 1)
  return events.filter((event) => hiddenBy(readable, event) === undefined)
}

export const firstOf = (events: readonly Pick<Judged, 'position'>[]): number =>
  events.reduce((least, { position }) => Math.min(least, position), Infinity)

/** The positions just after which the reader may see the room, without ignored users: their state is shown. */
export async function momentsOf(
  ctx: Needs,
  { room, userId }: Pick<Reader, 'room' | 'userId'>,
): Promise<PositionRange[]> {
  return readableMoments({
    visibilities: await visibilityIntervals(ctx, room, { since: 0 }),
    memberships: await membershipIntervals(ctx, room, { userId, since: 0 }),
  })
}

/** The first moment from a position on that the reader may look at; undefined where none comes any more. */
export async function firstReadable(
  ctx: Needs,
  reader: Pick<Reader, 'room' | 'userId'>,
  since: number,
): Promise<number | undefined> {
  const range = (await momentsOf(ctx, reader)).find(({ to }) => to >= since)
  return range && Math.max(range.from, since)
}
