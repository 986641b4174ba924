import type { JsonValue } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { checkIntegrity } from '#services/federation/receive/check-event.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import type { ReceiveNeeds, ReceiveResult } from '#services/federation/receive/ports.ts'
import { readIncoming } from '#services/federation/receive/receive-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { WaitingEvent } from './waiting-event.ts'

const gone: ReceiveResult = { eventId: undefined, outcome: 'known' }

/** A waiting event; where it is not in memory it is read from the disk, and checked from the first check on. */
export async function checkedOf(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { roomId, eventId, checked }: WaitingEvent,
): Promise<{ event: CheckedEvent } | { result: ReceiveResult }> {
  if (checked) return { event: checked }
  const staged = await ctx.store.federation.stagedEvents.find(roomId, eventId)
  if (!staged) return { result: gone }
  const value: JsonValue = parseStrictJson(staged.pdu)
  const read = await readIncoming(ctx, room, value)
  if ('outcome' in read) return { result: read }
  const event = await checkIntegrity(ctx, read, room.version)
  return 'violation' in event ? { result: { eventId, outcome: 'dropped', reason: event.violation } } : { event }
}
