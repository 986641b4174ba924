import { hasValidContentHash } from '#protocol/content-hash.ts'
import type { Pdu } from '#protocol/event.ts'
import { redact } from '#protocol/redaction.ts'
import type { RoomVersion } from '#protocol/room-version.ts'

/** Check 3: the event as it is processed further: redacted where its hash does not fit its content. */
export function checkHash(pdu: Pdu, version: RoomVersion): Pdu {
  return hasValidContentHash(pdu) ? pdu : redact(pdu, version)
}
