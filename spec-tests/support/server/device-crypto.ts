import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import type { UserId } from '#protocol/ids.ts'

/** An ed25519 key pair as devices and cross-signing have. */
export type TestKey = { publicKey: string; privateKey: KeyObject }

export function newKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { publicKey: encodePublicKey(publicKey), privateKey }
}

/** The object with the user's signature beside those it has; `name` is a device id or a public key. */
export function signedBy<T extends JsonObject>(
  object: T,
  { userId, name, key }: { userId: UserId; name: string; key: TestKey },
): T & { signatures: Record<string, Record<string, string>> } {
  const { signatures, unsigned: _, ...rest } = object
  const signature = encodeUnpaddedBase64(sign(null, Buffer.from(canonicalJson(rest)), key.privateKey))
  const all = (signatures ?? {}) as Record<string, Record<string, string>>
  return { ...object, signatures: { ...all, [userId]: { ...all[userId], [`ed25519:${name}`]: signature } } }
}

type Owner = { userId: UserId; deviceId: string }

/** Device keys signed by the device. */
export function deviceKeysOf({ userId, deviceId }: Owner, key = newKey(), more: JsonObject = {}) {
  const keys = { [`ed25519:${deviceId}`]: key.publicKey, [`curve25519:${deviceId}`]: newKey().publicKey }
  const algorithms = ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2']
  const object = { user_id: userId, device_id: deviceId, algorithms, keys, ...more }
  return signedBy(object, { userId, name: deviceId, key })
}

/** One-time keys named after numbers, signed by the device. */
export function oneTimeKeysOf({ userId, deviceId }: Owner, numbers: readonly number[], key = newKey()) {
  return Object.fromEntries(
    numbers.map((number) => {
      const signed = signedBy({ key: newKey().publicKey }, { userId, name: deviceId, key })
      return [`signed_curve25519:k${number}`, signed]
    }),
  )
}

/** A set of cross-signing keys, and the request that publishes it. */
export function crossSigningOf(userId: UserId) {
  const [master, selfSigning, userSigning] = [newKey(), newKey(), newKey()]
  const object = (usage: string, { publicKey }: TestKey) => {
    return { user_id: userId, usage: [usage], keys: { [`ed25519:${publicKey}`]: publicKey } }
  }
  const byMaster = { userId, name: master.publicKey, key: master }
  const body = {
    master_key: object('master', master),
    self_signing_key: signedBy(object('self_signing', selfSigning), byMaster),
    user_signing_key: signedBy(object('user_signing', userSigning), byMaster),
  }
  return { master, selfSigning, userSigning, body }
}
