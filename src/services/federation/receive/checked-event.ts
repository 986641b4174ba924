import type { KeyObject } from 'node:crypto'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { FindKey } from '#services/remote/server-key.ts'

/** An event whose form, signatures and hash are checked; redacted where the hash was wrong. */
export type CheckedEvent = { pdu: Pdu; eventId: EventId }

/** A signature that a key is said to have made over a text. */
export type ClaimedSignature = { text: Buffer; signature: Buffer; publicKey: KeyObject }

/** Whether the key made the signature, found out besides the event loop. */
export type VerifyAside = (claimed: ClaimedSignature) => Promise<boolean>

/** Checks many events besides the event loop; the answer is what `checkEvents` would give. */
export type EventChecker = {
  check(
    findKey: FindKey,
    values: readonly JsonValue[],
    room: { roomId: RoomId; version: RoomVersion },
  ): Promise<CheckedEvent[]>
}
