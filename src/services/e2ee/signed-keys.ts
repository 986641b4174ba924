import { badJson, tooLarge } from '#base/errors.ts'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { verifyJson } from '#protocol/events/signatures.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import type { UserId } from '#protocol/ids.ts'

/** An ed25519 key of a user. Its name is the device id, or its own public half for cross-signing keys. */
export type Signer = { userId: UserId; name: string; publicKey: string }

/** Whether the object bears the signer's signature and it is true. */
export function isSignedBy(object: JsonObject, { userId, name, publicKey }: Signer): boolean {
  const key = decodePublicKey(publicKey)
  return key !== undefined && verifyJson(object, { serverName: userId, keyId: keyIdOf(name), publicKey: key })
}

export const keyIdOf = (name: string): string => `ed25519:${name}`

/** What was signed: the object without what others may add. */
export function unsignedPart({ signatures, unsigned, ...signed }: JsonObject): JsonObject {
  return signed
}

/** The signatures that the object claims to have of a user, by key id. */
export function signaturesOf(object: JsonObject, userId: UserId): Record<string, string> {
  const all = object.signatures
  const own = isObject(all) && Object.hasOwn(all, userId) ? all[userId] : undefined
  if (!isObject(own)) return {}
  return Object.fromEntries(
    Object.entries(own).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** Uploaded JSON in canonical form, which other servers can take; larger than `most` bytes or not canonical is refused. */
export function canonicalUpload(value: JsonValue, most: number): string {
  const text = canonicalText(value)
  if (Buffer.byteLength(text) > most) throw tooLarge('A key is too large')
  return text
}

function canonicalText(value: JsonValue): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    if (error instanceof CanonicalJsonError) throw badJson('A key cannot be written as canonical JSON')
    throw error
  }
}
