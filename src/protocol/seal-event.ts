import { hash, sign } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
import type { Pdu, Signatures, UnsignedPdu } from './event.ts'
import type { EventId } from './ids.ts'
import { redact } from './redaction.ts'
import type { RoomVersion } from './room-version.ts'
import type { SigningKey } from './signing-key.ts'
import { encodeUnpaddedBase64 } from './unpadded-base64.ts'

/** An event of our own, ready to be sent, with its name and its size in bytes of canonical JSON. */
export type SealedEvent = { pdu: Pdu; eventId: EventId; bytes: number }

/**
 * Hashes, signs and names a new event. The text that is signed is also the one the event is named after, so each text
 * is made once: what `signEvent` and `eventId` do one after another, in half the time. Throws CanonicalJsonError on
 * numbers that canonical JSON has no form for.
 */
export function sealEvent(event: UnsignedPdu, version: RoomVersion, key: SigningKey): SealedEvent {
  const text = canonicalJson(event)
  const hashes = { sha256: encodeUnpaddedBase64(hash('sha256', text, 'buffer')) }
  const signed = canonicalJson(redact({ ...event, hashes }, version))
  const signature = encodeUnpaddedBase64(sign(null, Buffer.from(signed), key.privateKey))
  const signatures: Signatures = { [key.serverName]: { [key.keyId]: signature } }
  const added = `"hashes":${JSON.stringify(hashes)},"signatures":${JSON.stringify(signatures)},`
  return {
    pdu: { ...event, hashes, signatures },
    eventId: event.event_id ?? nameAfter(signed, version),
    bytes: Buffer.byteLength(text) + Buffer.byteLength(added),
  }
}

const nameAfter = (signed: string, version: RoomVersion): EventId =>
  `$${hash('sha256', signed, version.eventIds === 'url-safe' ? 'base64url' : 'base64').replace(/=+$/, '')}`
