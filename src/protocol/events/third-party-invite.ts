import { verify, type KeyObject } from 'node:crypto'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { isObject, type JsonObject, type JsonValue, type Pdu } from './event.ts'
import { decodePublicKey } from './signing-key.ts'
import { decodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

// NOTSPEC: the number of keys and signatures is open. No event holds so many keys, so that one signature meets them all
// (Synapse tries no more than one), but every pair costs 0.1 ms, and two hostile events could make many thousands.
const maxTries = 1100

const signatureBytes = 64

/** The token by which a membership event claims a third-party invite, if it does. */
export function thirdPartyToken({ content }: Pick<Pdu, 'content'>): string | undefined {
  const invite = content.third_party_invite
  const signed = isObject(invite) ? invite.signed : undefined
  const token = isObject(signed) ? signed.token : undefined
  return typeof token === 'string' ? token : undefined
}

/** Whether any key of the room's `m.room.third_party_invite` made any of the signatures on the claim. */
export function hasSignatureOfInvite(signed: JsonObject, invite: JsonObject): boolean {
  const { signatures, unsigned, ...claim } = signed
  try {
    return isSignedByAny(
      Buffer.from(canonicalJson(claim, 'lenient')),
      ed25519Signatures(signatures),
      publicKeys(invite),
    )
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

function isSignedByAny(text: Buffer, signatures: readonly Buffer[], keys: readonly KeyObject[]): boolean {
  let tries = 0
  for (const signature of signatures)
    for (const key of keys) {
      if (++tries > maxTries) return false
      if (verify(null, text, key, signature)) return true
    }
  return false
}

/** Each once, however often the event names it. */
function publicKeys({ public_key: single, public_keys: list }: JsonObject): KeyObject[] {
  const texts = [single, ...(Array.isArray(list) ? list.map((entry) => isObject(entry) && entry.public_key) : [])]
  return [...new Set(texts)].flatMap((text) => (typeof text === 'string' ? (decodePublicKey(text) ?? []) : []))
}

function ed25519Signatures(signatures: JsonValue | undefined): Buffer[] {
  if (!isObject(signatures)) return []
  return Object.values(signatures)
    .flatMap((own) => (isObject(own) ? Object.entries(own) : []))
    .filter(([keyId]) => keyId.startsWith('ed25519:'))
    .map(([, signature]) => (typeof signature === 'string' ? decodeUnpaddedBase64(signature) : undefined))
    .filter((signature) => signature !== undefined)
    .filter(({ length }) => length === signatureBytes)
}
