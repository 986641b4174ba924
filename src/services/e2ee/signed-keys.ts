import { badJson, tooLarge } from '#base/errors.ts'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { verifyJson } from '#protocol/events/signatures.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import type { UserId } from '#protocol/ids.ts'

/** An ed25519 key of a user. Its name is the device id, or the public key of a cross-signing key. */
export type Signer = { userId: UserId; name: string; publicKey: string }

/** Whether the object has a valid signature of the signer. */
export function isSignedBy(object: JsonObject, { userId, name, publicKey }: Signer): boolean {
  const key = decodePublicKey(publicKey)
  return key !== undefined && verifyJson(object, { serverName: userId, keyId: keyIdOf(name), publicKey: key })
}

export const keyIdOf = (name: string): string => `ed25519:${name}`

/** The signed part of an object: without `signatures` and `unsigned`. */
export function unsignedPart({ signatures, unsigned, ...signed }: JsonObject): JsonObject {
  return signed
}

/** The unverified signatures of a user on the object, by key id. */
export function signaturesOf(object: JsonObject, userId: UserId): Record<string, string> {
  const all = object.signatures
  const own = isObject(all) && Object.hasOwn(all, userId) ? all[userId] : undefined
  if (!isObject(own)) return {}
  return Object.fromEntries(
    Object.entries(own).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** Uploaded JSON in canonical form; refuses what has none or is larger than `most` bytes. */
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
