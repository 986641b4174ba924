import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import { historyVisibilityOf, type HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { stateKey as keyOf } from '#protocol/state-resolution/state-map.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { Interval } from '#services/rooms/live/state-entry.ts'

type Needs = Pick<Context, 'store'>
type Content = Pick<Pdu, 'content'>

/** Longer histories of a key are not kept. */
const maxIntervals = 100

const visibilityType = 'm.room.history_visibility'

/**
 * The user's memberships, oldest first, as far as they matter from a position on: from memory where none began later.
 */
export async function membershipIntervals(
  ctx: Needs,
  room: LiveRoom,
  { userId, since }: { userId: UserId; since: number },
): Promise<readonly Interval<string>[]> {
  const entry = room.entry('m.room.member', userId)
  if (entry?.from === undefined) return []
  const from = room.joinedAt(userId) ?? entry.from
  if (from <= since) return [{ from, value: room.members.get(userId) ?? 'leave' }]
  return history(ctx, room, {
    key: ['m.room.member', userId],
    from: entry.from,
    valueOf: (event) => (event && membershipOf(event)) ?? 'leave',
  })
}

/** The room's history visibilities in the same way. */
export async function visibilityIntervals(
  ctx: Needs,
  room: LiveRoom,
  { since }: { since: number },
): Promise<readonly Interval<HistoryVisibility>[]> {
  const entry = room.entry(visibilityType, '')
  if (entry?.from === undefined) return []
  if (entry.from <= since) {
    await loadStateEntries(ctx, room, [[visibilityType, '']])
    return [{ from: entry.from, value: historyVisibilityOf(entry.pdu) }]
  }
  const intervals = await history(ctx, room, {
    key: [visibilityType, ''],
    from: entry.from,
    valueOf: historyVisibilityOf,
    shift: (intervals) => withGaps(ctx, room, intervals),
  })
  return intervals as readonly Interval<HistoryVisibility>[]
}

/**
 * What holds from the upper end of a gap on holds in all of it. NOTSPEC: where the visibility changed in between, the
 * one at its end counts; what no user here might see at all came redacted.
 */
async function withGaps(
  { store }: Needs,
  room: LiveRoom,
  intervals: readonly Interval<string>[],
): Promise<Interval<string>[]> {
  const found = room.isShared ? await store.rooms.gaps.list(nidOf(room)) : []
  const gaps = new Map(found.map((gap) => [gap.position, gap.firstPosition]))
  return intervals.map(({ from, value }) => ({ from: gaps.get(from) ?? from, value }))
}

type Past = {
  key: readonly [type: string, stateKey: string]
  /** Position since which the current event holds the key. */
  from: number
  valueOf: (event: Content | undefined) => string
  shift?: (intervals: readonly Interval<string>[]) => Promise<readonly Interval<string>[]>
}

/** Every value a key has had: read once, and again when the key has changed. */
async function history(
  ctx: Needs,
  room: LiveRoom,
  { key, from, valueOf, shift }: Past,
): Promise<readonly Interval<string>[]> {
  const name = keyOf(...key)
  const known = room.historyOf(name)
  if (known?.from === from) return known.intervals
  const found: Interval<string>[] = []
  for (const { from: start, event } of await ctx.store.rooms.state.history(nidOf(room), key)) {
    const value = valueOf(event && storedContent(event))
    if (found.at(-1)?.value !== value) found.push({ from: start, value })
  }
  const intervals = shift ? await shift(found) : found
  // What was read is of a later moment where the key has changed meanwhile.
  if (room.entry(...key)?.from === from && intervals.length <= maxIntervals)
    room.cacheHistory(name, { from, intervals })
  return intervals
}

/** What held just after a position. */
export function valueAt<Value>(intervals: readonly Interval<Value>[], position: number): Value | undefined {
  for (let index = intervals.length - 1; index >= 0; index--) {
    const interval = intervals[index]
    if (interval && interval.from <= position) return interval.value
  }
  return undefined
}

/** The room's number in the store; only rooms that are on disk have readers. */
export function nidOf(room: LiveRoom): number {
  if (room.nid === undefined) throw new Error('The room is not on disk yet')
  return room.nid
}

const storedContent = (event: StoredEvent): Content => JSON.parse(event.clientJson) as Content
