import { badJson, invalidParam } from '#base/errors.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import { decodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import type { StoredDeviceKeys } from '#store/e2ee/device-keys.ts'
import { invalidSignature } from './refusals.ts'
import { canonicalUpload, isSignedBy, keyIdOf, signaturesOf, unsignedPart, type Signer } from './signed-keys.ts'
import type { UserId } from '#protocol/ids.ts'

const maxIdentityBytes = 16_384
const curveKeyBytes = 32

/** Device keys; the endpoint has checked the types of what is there. */
export type DeviceKeysUpload = JsonObject & { keys?: Record<string, string> }

const required = ['user_id', 'device_id', 'algorithms', 'keys', 'signatures']

/**
 * Checks that device keys are those of the device and valid for other servers.
 * NOTSPEC: keys without any signature pass, as elsewhere; clients ignore such a device, and it may still be replaced.
 */
export function checkDeviceKeys(userId: UserId, deviceId: string, upload: DeviceKeysUpload): StoredDeviceKeys {
  const { keys } = upload
  if (!keys || required.some((name) => upload[name] === undefined)) throw badJson('The device keys are incomplete')
  if (upload.user_id !== userId || upload.device_id !== deviceId)
    throw invalidParam('The keys claim to belong to another device')
  checkKeys(deviceId, keys)
  const signatures = signaturesOf(upload, userId)
  if (Object.keys(signatures).some((name) => !name.includes(':')))
    throw invalidParam('A signature is not named after its key')
  const keyId = keyIdOf(deviceId)
  if (Object.hasOwn(signatures, keyId) && !isSignedBy(upload, { userId, name: deviceId, publicKey: keys[keyId] ?? '' }))
    throw invalidSignature('The device keys are not signed by the device')
  return { userId, deviceId, identity: canonicalUpload(unsignedPart(upload), maxIdentityBytes), signatures }
}

function checkKeys(deviceId: string, keys: Record<string, string>): void {
  for (const name of Object.keys(keys))
    if (!name.endsWith(`:${deviceId}`)) throw invalidParam('A key is not named after its device')
  const identity = keys[keyIdOf(deviceId)]
  if (identity === undefined || !decodePublicKey(identity))
    throw invalidParam('The ed25519 key is missing or malformed')
  const curve = keys[`curve25519:${deviceId}`]
  if (curve !== undefined && decodeUnpaddedBase64(curve)?.length !== curveKeyBytes)
    throw invalidParam('The curve25519 key is malformed')
}

/** The upload as JSON, without signatures. */
export function identityOf({ identity }: StoredDeviceKeys): JsonObject {
  return JSON.parse(identity) as JsonObject
}

/** The ed25519 key of a stored device, for signatures by it. */
export function signerOf(device: StoredDeviceKeys): Signer {
  const { keys } = identityOf(device)
  const key = isObject(keys) ? keys[keyIdOf(device.deviceId)] : undefined
  return { userId: device.userId, name: device.deviceId, publicKey: typeof key === 'string' ? key : '' }
}

/** Whether the device itself signed its keys: other clients use no others. */
export function isSelfSigned({ deviceId, signatures }: StoredDeviceKeys): boolean {
  return Object.hasOwn(signatures, keyIdOf(deviceId))
}
