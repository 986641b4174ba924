import type { Context } from '#context.ts'
import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import { historyVisibilityOf, type HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadHolders } from '#services/rooms/live/load-holders.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** What held from one position until the next span begins; before the first span nothing did. */
export type Span<Value> = { from: number; value: Value }

type Needs = Pick<Context, 'store'>

/** The user's memberships, oldest first, as far as they matter from a position on: from memory unless one began later. */
export async function membershipSpans(
  ctx: Needs,
  line: RoomLine,
  { userId, since }: { userId: string; since: number },
): Promise<Span<string>[]> {
  const holder = line.holder('m.room.member', userId)
  if (holder?.from === undefined) return []
  if (holder.from <= since) return [{ from: holder.from, value: line.members.get(userId) ?? 'leave' }]
  const history = await ctx.store.roomState.history(nidOf(line), ['m.room.member', userId])
  return history.map(({ from, event }) => ({ from, value: (event && membershipOf(contentOf(event))) ?? 'leave' }))
}

/** The room's history visibilities in the same way. */
export async function visibilitySpans(
  ctx: Needs,
  line: RoomLine,
  { since }: { since: number },
): Promise<Span<HistoryVisibility>[]> {
  const type = 'm.room.history_visibility'
  const holder = line.holder(type, '')
  if (holder?.from === undefined) return []
  if (holder.from <= since) {
    await loadHolders(ctx, line, [[type, '']])
    return [{ from: holder.from, value: historyVisibilityOf(holder.pdu) }]
  }
  const history = await ctx.store.roomState.history(nidOf(line), [type, ''])
  return history.map(({ from, event }) => ({ from, value: historyVisibilityOf(event && contentOf(event)) }))
}

/** What held just after a position. */
export function valueAt<Value>(spans: readonly Span<Value>[], position: number): Value | undefined {
  for (let index = spans.length - 1; index >= 0; index--) {
    const span = spans[index]
    if (span && span.from <= position) return span.value
  }
  return undefined
}

/** The room's number in the store; only rooms that are on disk have readers. */
export function nidOf(line: RoomLine): number {
  if (line.nid === undefined) throw new Error('The room is not on disk yet')
  return line.nid
}

const contentOf = (event: StoredEvent): Pick<Pdu, 'content'> => JSON.parse(event.clientJson) as Pick<Pdu, 'content'>
