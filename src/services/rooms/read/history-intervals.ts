import type { Context } from '#context.ts'
import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import { historyVisibilityOf, type HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { UserId } from '#protocol/ids.ts'

/** What held from one position until the next span begins; before the first span nothing did. */
export type Interval<Value> = { from: number; value: Value }

type Needs = Pick<Context, 'store'>

/** The user's memberships, oldest first, as far as they matter from a position on: from memory unless one began later. */
export async function membershipIntervals(
  ctx: Needs,
  room: LiveRoom,
  { userId, since }: { userId: UserId; since: number },
): Promise<Interval<string>[]> {
  const entry = room.entry('m.room.member', userId)
  if (entry?.from === undefined) return []
  if (entry.from <= since) return [{ from: entry.from, value: room.members.get(userId) ?? 'leave' }]
  const history = await ctx.store.rooms.state.history(nidOf(room), ['m.room.member', userId])
  return history.map(({ from, event }) => ({ from, value: (event && membershipOf(contentOf(event))) ?? 'leave' }))
}

/** The room's history visibilities in the same way. */
export async function visibilityIntervals(
  ctx: Needs,
  room: LiveRoom,
  { since }: { since: number },
): Promise<Interval<HistoryVisibility>[]> {
  const type = 'm.room.history_visibility'
  const entry = room.entry(type, '')
  if (entry?.from === undefined) return []
  if (entry.from <= since) {
    await loadStateEntries(ctx, room, [[type, '']])
    return [{ from: entry.from, value: historyVisibilityOf(entry.pdu) }]
  }
  const history = await ctx.store.rooms.state.history(nidOf(room), [type, ''])
  return history.map(({ from, event }) => ({ from, value: historyVisibilityOf(event && contentOf(event)) }))
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

const contentOf = (event: StoredEvent): Pick<Pdu, 'content'> => JSON.parse(event.clientJson) as Pick<Pdu, 'content'>
