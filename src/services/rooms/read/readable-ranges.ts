import { mayReadEvent, type HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { PositionRange } from '#store/rooms/readable.ts'
import type { Interval } from '#services/rooms/live/state-entry.ts'
import { valueAt } from './history-intervals.ts'

/** What visibility depends on: the history visibilities and the reader's memberships, oldest first. */
export type Past = { visibilities: readonly Interval<HistoryVisibility>[]; memberships: readonly Interval<string>[] }

export const lastPosition = Number.MAX_SAFE_INTEGER

/**
 * The positions of the events that a reader may see: only where something changes do two neighbours differ.
 * https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
 */
export function readableRanges(past: Past): PositionRange[] {
  return rangesBetweenChanges(past, (position, isChange) => mayRead(past, position, isChange ? position - 1 : position))
}

/** The positions just after which the reader may look at the room: what its state was then they may know. */
export function readableMoments(past: Past): PositionRange[] {
  return rangesBetweenChanges(past, (position) => mayRead(past, position, position))
}

function rangesBetweenChanges(
  { visibilities, memberships }: Past,
  isReadable: (position: number, isChange: boolean) => boolean,
): PositionRange[] {
  const changes = [...new Set([...visibilities, ...memberships].map(({ from }) => from))].sort((a, b) => a - b)
  const ranges: PositionRange[] = []
  const add = (from: number, to: number) => {
    const last = ranges.at(-1)
    if (from > to) return
    if (last?.to === from - 1) ranges.splice(-1, 1, { from: last.from, to })
    else ranges.push({ from, to })
  }
  const first = changes[0] ?? lastPosition
  if (isReadable(first - 1, false)) add(0, first - 1)
  changes.forEach((change, index) => {
    const next = changes[index + 1] ?? lastPosition
    if (isReadable(change, true)) add(change, change)
    if (isReadable(change + 1, false)) add(change + 1, next - 1)
  })
  return ranges
}

function mayRead({ visibilities, memberships }: Past, position: number, before: number): boolean {
  return mayReadEvent({
    visibilityBefore: valueAt(visibilities, before) ?? 'shared',
    visibilityAfter: valueAt(visibilities, position) ?? 'shared',
    membershipBefore: valueAt(memberships, before),
    membershipAfter: valueAt(memberships, position),
    joinedSince: (memberships.findLast(({ value }) => value === 'join')?.from ?? 0) > position,
  })
}
