import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** Check 3: the event as it is processed further: redacted where its hash does not fit its content. */
export function checkHash(pdu: Pdu, version: RoomVersion): Pdu {
  return hasValidContentHash(pdu) ? pdu : redact(pdu, version)
}
