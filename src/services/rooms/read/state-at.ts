import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { lastVisibleState, type Reading } from './open-reading.ts'
import { nidOf } from './history-intervals.ts'
import { wholeStateAt } from '#services/rooms/state/state-at-position.ts'

type Needs = Pick<Context, 'store'>

/** The state of a room as the reader sees it: for those who left, as it was then. */
export async function readState(ctx: Needs, reading: Reading): Promise<StoredEvent[]> {
  return wholeStateAt(ctx, reading.room, { position: lastVisibleState(reading), isWanted: () => true })
}

/** The event that holds one key of that state. Throws M_NOT_FOUND where none does. */
export async function readStateEvent(
  ctx: Needs,
  reading: Reading,
  [type, stateKey]: readonly [string, string],
): Promise<StoredEvent> {
  const event = await eventOfKey(ctx, reading, [type, stateKey])
  if (!event) throw notFound('The room has no such state')
  return event
}

async function eventOfKey(
  ctx: Needs,
  { room, leftAt }: Reading,
  [type, stateKey]: readonly [string, string],
): Promise<StoredEvent | undefined> {
  if (leftAt !== undefined) return ctx.store.rooms.state.eventAt(nidOf(room), [type, stateKey], leftAt)
  const position = room.entry(type, stateKey)?.position
  if (position === undefined) return undefined
  const [event] = await ctx.store.rooms.events.shownAt([position])
  return event
}
