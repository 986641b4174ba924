import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { describeEvent } from '#services/rooms/events/describe-event.ts'
import { commitEvents } from '#services/rooms/live/commit-events.ts'
import type { LockedRoom } from '#services/rooms/live/live-room.ts'
import type { EventWrite, RoomWrite } from '#store/rooms/room-write.ts'

/** An event that goes into a gap of the room's history, and the gap as it is afterwards. */
export type HistoryEvent = {
  pdu: Pdu
  eventId: EventId
  position: number
  gap: NonNullable<RoomWrite['gap']>
} & Pick<EventWrite, 'movesFrom' | 'redaction' | 'awaits' | 'redacted'>

/**
 * Writes an event of the room's past: it changes neither the state nor the forward extremities, and wakes nobody. Call
 * `dropRecent` of the room after the last of them.
 */
export async function persistHistory(
  ctx: Pick<Context, 'store' | 'bus' | 'signingKey'>,
  room: LockedRoom,
  { pdu, eventId, position, gap, movesFrom, redaction, awaits, redacted }: HistoryEvent,
): Promise<void> {
  const described = describeEvent({ pdu, eventId })
  const write: EventWrite = {
    ...described,
    status: 'accepted',
    historyPosition: position,
    movesFrom,
    relation: redacted ? undefined : described.relation,
    redaction,
    awaits,
    redacted,
  }
  await commitEvents(ctx, room, { events: [{ write, change: undefined }], gap })
}
