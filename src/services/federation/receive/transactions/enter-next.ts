import type { Context } from '#context.ts'
import { enterLine, lineOf, type LineEvent } from '#services/federation/receive/enter-line.ts'
import type { ReceiveNeeds, ReceiveResult } from '#services/federation/receive/ports.ts'
import { enterIfComplete, refusedSource } from '#services/federation/receive/receive-event.ts'
import type { WaitingEvent } from './waiting-event.ts'
import { checkedOf } from './checked-of.ts'

const failed: ReceiveResult = { eventId: undefined, outcome: 'dropped', reason: 'The event could not be taken in' }
export const unknownRoom: ReceiveResult = { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }

/** Takes events that cannot be entered now. */
export type Aside = Record<'park' | 'slow', (event: WaitingEvent) => void>

/**
 * Works on one or more of a room's events, from the first on, and answers what became of them; undefined for one that
 * stepped aside. Never throws.
 */
export async function enterNext(
  ctx: ReceiveNeeds & Pick<Context, 'log'>,
  events: readonly WaitingEvent[],
  aside: Aside,
): Promise<readonly (ReceiveResult | undefined)[]> {
  // Where it fails, one of them is to blame, and must not keep up the others.
  const accepted = await enterTogether(ctx, events).catch(() => 0)
  if (accepted > 0) return events.slice(0, accepted).map(({ eventId }) => ({ eventId, outcome: 'accepted' }))
  const [first] = events as [WaitingEvent]
  const result = await enter(ctx, first, aside).catch((error: unknown) => {
    ctx.log.error('an event could not be taken in', { room_id: first.roomId, event_id: first.eventId, error })
    return failed
  })
  return [result]
}

/** How many of the events, from the first on, simply follow each other and are accepted. */
async function enterTogether(ctx: ReceiveNeeds, events: readonly WaitingEvent[]): Promise<number> {
  const line: LineEvent[] = []
  for (const { checked, origin } of events) {
    if (!checked) break
    line.push({ event: checked, origin })
  }
  const [{ roomId }] = events as [WaitingEvent]
  const room = await ctx.rooms.findStored(roomId)
  return room && !room.isPlaceholder && lineOf(room, line).length > 0 ? enterLine(ctx, roomId, line) : 0
}

/** Undefined where the event stepped aside. */
async function enter(ctx: ReceiveNeeds, event: WaitingEvent, aside: Aside): Promise<ReceiveResult | undefined> {
  const room = await ctx.rooms.findStored(event.roomId)
  if (!room) return unknownRoom
  if (room.isPlaceholder) return void aside.park(event)
  const refused = await refusedSource(ctx, room, event.origin)
  if (refused) return refused
  const checked = await checkedOf(ctx, room, event)
  if ('result' in checked) return checked.result
  const result = await enterIfComplete(ctx, room, checked.event)
  return result ?? void aside.slow(event)
}
