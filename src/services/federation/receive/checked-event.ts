import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { FindKey } from '#services/remote/server-key.ts'

/** An event whose form, signatures and hash are checked; redacted where the hash was wrong. */
export type CheckedEvent = { pdu: Pdu; eventId: EventId }

/** Checks many events besides the event loop; the answer is what `checkEvents` would give. */
export type EventChecker = {
  check(
    findKey: FindKey,
    values: readonly JsonValue[],
    room: { roomId: RoomId; version: RoomVersion },
  ): Promise<CheckedEvent[]>
}
