import { hash } from 'node:crypto'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import type { Pdu, UnsignedPdu } from './event.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/**
 * The hash over the whole event, in unpadded base64, by which a receiver sees whether it was redacted on the way.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function contentHash(pdu: Pdu | UnsignedPdu): string {
  return encodeUnpaddedBase64(hash('sha256', hashedText(pdu), 'buffer'))
}

/** False also when the hash is missing or malformed: the event is then to be treated as redacted. */
export function hasValidContentHash(pdu: Pdu): boolean {
  const claimed: unknown = pdu.hashes?.sha256
  if (typeof claimed !== 'string') return false
  try {
    return isHashOf(claimed, hashedText(pdu))
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

/** Whether the hash, in unpadded base64, is that of what an event says, as canonical JSON. */
export const isHashOf = (claimed: string, text: string): boolean =>
  decodeUnpaddedBase64(claimed)?.equals(hash('sha256', text, 'buffer')) ?? false

function hashedText(pdu: Pdu | UnsignedPdu): string {
  const { unsigned, signatures, hashes, ...hashed } = pdu
  return canonicalJson(hashed, 'lenient')
}
