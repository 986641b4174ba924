import { hash, sign } from 'node:crypto'
import { canonicalObject } from '#protocol/json/canonical-json.ts'
import type { Pdu, Signatures, UnsignedPdu } from './event.ts'
import type { EventId } from '#protocol/ids.ts'
import { idAfter } from './event-id.ts'
import { redact } from './redaction.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { SigningKey } from './signing-key.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/** An event of our own, ready to be sent, with its name and its size in bytes of canonical JSON. */
export type SignedEvent = { pdu: Pdu; eventId: EventId; bytes: number }

/** A new event that has its name and only lacks its signature, and the text that is to be signed. */
export type HashedEvent = SignedEvent & { text: Buffer }

/** Bytes of an ed25519 signature in unpadded base64. */
const signatureBytes = 86

/**
 * Hashes, signs and names a new event. The text that is signed is also the one the event is named after, and most of it
 * is also what is hashed, so each part is written once: what `signEvent` and `eventId` do one after another, in half the
 * time. Throws CanonicalJsonError on numbers that canonical JSON has no form for.
 */
export function hashAndSign(event: UnsignedPdu, version: RoomVersion, key: SigningKey): SignedEvent {
  const { text, ...hashed } = hashEvent(event, version, key)
  addSignature(hashed.pdu, key, signText(text, key))
  return hashed
}

/** The same without the signature, on which the name of an event does not depend: `addSignature` completes the event. */
export function hashEvent(event: UnsignedPdu, version: RoomVersion, key: SigningKey): HashedEvent {
  const written = new Map<string, string>()
  const text = canonicalObject(event, written)
  const hashes = { sha256: unpadded(hash('sha256', text, 'base64')) }
  const kept = redact({ ...event, hashes }, version)
  if (kept.content !== event.content) written.delete('content')
  const signed = Buffer.from(canonicalObject(kept, written))
  const signatures: Signatures = { [key.serverName]: { [key.keyId]: '' } }
  const added = `"hashes":{"sha256":"${hashes.sha256}"},"signatures":{"${key.serverName}":{"${key.keyId}":""}},`
  return {
    pdu: { ...event, hashes, signatures },
    eventId: event.event_id ?? idAfter(signed, version),
    bytes: Buffer.byteLength(text) + Buffer.byteLength(added) + signatureBytes,
    text: signed,
  }
}

/** Puts our signature into an event of `hashEvent`. */
export function addSignature({ signatures }: Pdu, { serverName, keyId }: SigningKey, signature: string): void {
  signatures[serverName] = { ...signatures[serverName], [keyId]: signature }
}

/** The signature over the text of a hashed event. */
export const signText = (text: Buffer, { privateKey }: SigningKey): string =>
  encodeUnpaddedBase64(sign(null, text, privateKey))

const unpadded = (base64: string): string => base64.replace(/=+$/, '')
