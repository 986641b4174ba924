import { hash } from 'node:crypto'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import type { Pdu, UnsignedPdu } from './event.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/**
 * The hash over the whole event, in unpadded base64, by which a receiver sees whether it was redacted on the way.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function contentHash(pdu: Pdu | UnsignedPdu): string {
  return encodeUnpaddedBase64(digest(pdu))
}

/** False also when the hash is missing or malformed: the event is then to be treated as redacted. */
export function hasValidContentHash(pdu: Pdu): boolean {
  const claimed: unknown = pdu.hashes?.sha256
  if (typeof claimed !== 'string') return false
  try {
    return decodeUnpaddedBase64(claimed)?.equals(digest(pdu)) ?? false
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

function digest(pdu: Pdu | UnsignedPdu): Buffer {
  const { unsigned, signatures, hashes, ...hashed } = pdu
  return hash('sha256', canonicalJson(hashed, 'lenient'), 'buffer')
}
