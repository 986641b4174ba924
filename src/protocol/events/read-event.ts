import { canonicalObject, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { isHashOf } from './content-hash.ts'
import { idAfter } from './event-id.ts'
import { formatViolation } from './event-format.ts'
import { receivedEventViolation } from './event-limits.ts'
import { isObject, type JsonValue, type Pdu } from './event.ts'
import { redact } from './redaction.ts'

/** An event as it came from another server. */
export type ReadEvent = {
  pdu: Pdu
  eventId: EventId
  /** Of its canonical JSON. */
  bytes: number
  /** What its signatures cover, and its name. */
  signedText: string
  /** Whether its content hash is true; otherwise it is to be treated as redacted. */
  isWhole: boolean
}

/**
 * The event that the JSON describes, or why it is none in a room of this version: the first of the checks on receipt. What
 * is hashed and what is signed are mostly the same text, so each part of the event is written once for all of them.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function readEvent(value: JsonValue, version: RoomVersion): ReadEvent | { violation: string } {
  if (!isObject(value)) return { violation: 'The event is not an object' }
  const violation = formatViolation(value, version)
  return violation === undefined ? readTexts(value as Pdu, version) : { violation }
}

function readTexts(pdu: Pdu, version: RoomVersion): ReadEvent | { violation: string } {
  const rule = version.enforceCanonicalJson ? 'strict' : 'lenient'
  const written = new Map<string, string>()
  try {
    const whole = canonicalObject(pdu, written, rule)
    const bytes = Buffer.byteLength(whole)
    const violation = receivedEventViolation(pdu, { version, bytes })
    if (violation !== undefined) return { violation }
    const { unsigned: _unsigned, signatures: _signatures, hashes, ...hashed } = pdu
    const hashedText = canonicalObject(hashed, written, rule)
    const { unsigned: _added, signatures: _own, ...kept } = redact(pdu, version)
    if (kept.content !== pdu.content) written.delete('content')
    const signedText = canonicalObject(kept, written, rule)
    const eventId = pdu.event_id ?? idAfter(signedText, version)
    return { pdu, eventId, bytes, signedText, isWhole: isHashOf(hashes.sha256, hashedText) }
  } catch (error) {
    if (error instanceof CanonicalJsonError) return { violation: error.message }
    throw error
  }
}
