import { sign, verify } from 'node:crypto'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { contentHash } from './content-hash.ts'
import { isObject, type JsonObject, type JsonValue, type Pdu, type Signatures, type UnsignedPdu } from './event.ts'
import { serverOf, type ServerName } from '#protocol/ids.ts'
import { redact } from './redaction.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { SigningKey, VerifyKey } from './signing-key.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

type Signed<Value> = Value & { signatures: Signatures }

/** Adds our signature beside those the object has. https://spec.matrix.org/v1.19/appendices/#signing-details */
export function signJson<Value extends JsonObject>(object: Value, key: SigningKey): Signed<Value> {
  return { ...object, signatures: withSignature(object.signatures, key, signatureOf(object, key)) }
}

/** Adds the content hash, then our signature over what survives redaction. */
export function signEvent(pdu: UnsignedPdu, version: RoomVersion, key: SigningKey): Pdu {
  const hashed = { ...pdu, hashes: { sha256: contentHash(pdu) } }
  return { ...hashed, signatures: withSignature(pdu.signatures, key, signatureOf(redact(hashed, version), key)) }
}

/** Adds our signature to an event that others have hashed and signed. */
export function countersign(pdu: Pdu, version: RoomVersion, key: SigningKey): Pdu {
  return { ...pdu, signatures: withSignature(pdu.signatures, key, signatureOf(redact(pdu, version), key)) }
}

/** Whether the object bears this key's signature and it is true. */
export function verifyJson(object: JsonObject, key: VerifyKey): boolean {
  const signature = signatureUnder(key, object)
  if (signature === undefined) return false
  try {
    return verify(null, Buffer.from(signedText(object)), key.publicKey, signature)
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

/** As `verifyJson`, over what survives redaction: true for the whole event and for a redacted copy alike. */
export function verifyEventSignature(pdu: Pdu, version: RoomVersion, key: VerifyKey): boolean {
  return verifyJson(redact(pdu, version), key)
}

/** What the signatures of an event cover, as canonical JSON. */
export const signedTextOf = (pdu: Pdu, version: RoomVersion): string => signedText(redact(pdu, version))

/** The signature of this key that the object bears, true or not. */
export function signatureUnder(key: VerifyKey, { signatures }: JsonObject): Buffer | undefined {
  const claimed = ownSignature(signatures, key)
  return claimed === undefined ? undefined : decodeUnpaddedBase64(claimed)
}

/**
 * The servers whose signatures an event needs, each once. The event must be redacted already where its hash is wrong.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events
 */
export function requiredSigners(pdu: Pdu, version: RoomVersion): ServerName[] {
  const servers = new Set<ServerName>()
  if (!isThirdPartyInvite(pdu)) servers.add(serverOf(pdu.sender))
  if (version.eventIds === 'chosen-by-origin') servers.add(serverOf(pdu.event_id ?? ''))
  // NOTSPEC: what the authorising user's server did not sign is rejected by auth rule 5.2.1. Servers in use (Synapse,
  // Dendrite, ruma) count it among the signatures, for the lack of which an event is dropped.
  const authoriser = pdu.content.join_authorised_via_users_server
  if (version.restricted && pdu.type === 'm.room.member' && typeof authoriser === 'string')
    servers.add(serverOf(authoriser))
  return [...servers]
}

/** The key ids under which the entity signed, of the algorithms we understand. */
export function signingKeyIds(object: JsonObject, entity: ServerName): string[] {
  const signatures = object.signatures
  const own = isObject(signatures) && Object.hasOwn(signatures, entity) ? signatures[entity] : undefined
  return isObject(own) ? Object.keys(own).filter((keyId) => keyId.startsWith('ed25519:')) : []
}

/** Its sender may belong to another server than the one that sends it: the invited user's. */
function isThirdPartyInvite({ type, content }: Pdu): boolean {
  return type === 'm.room.member' && content.membership === 'invite' && isObject(content.third_party_invite)
}

function signatureOf(object: JsonObject, key: SigningKey): string {
  return encodeUnpaddedBase64(sign(null, Buffer.from(signedText(object)), key.privateKey))
}

function signedText(object: JsonObject): string {
  const { signatures, unsigned, ...signed } = object
  return canonicalJson(signed, 'lenient')
}

function withSignature(present: JsonValue | undefined, key: SigningKey, signature: string): Signatures {
  const signatures = isObject(present) ? (present as Signatures) : {}
  return { ...signatures, [key.serverName]: { ...signatures[key.serverName], [key.keyId]: signature } }
}

function ownSignature(signatures: JsonValue | undefined, { serverName, keyId }: VerifyKey): string | undefined {
  if (!isObject(signatures) || !Object.hasOwn(signatures, serverName)) return undefined
  const own = signatures[serverName]
  if (!isObject(own) || !Object.hasOwn(own, keyId)) return undefined
  const signature = own[keyId]
  return typeof signature === 'string' ? signature : undefined
}
