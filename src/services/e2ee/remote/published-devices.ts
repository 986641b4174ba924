import { MatrixError } from '#base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { checkDeviceKeys, type DeviceKeysUpload } from '#services/e2ee/check-device-keys.ts'
import { readKey, type KeyUpload } from '#services/e2ee/cross-signing.ts'
import type { CrossSigningKey, KeyUsage } from '#store/e2ee/cross-signing.ts'
import type { NamedDeviceKeys } from '#store/e2ee/device-keys.ts'

/** Devices of one user that are taken from another server. */
const maxDevices = 1000
const maxDeviceIdBytes = 255
const maxNameBytes = 255

/** What another server says of a user's devices and identity, as far as it is right. */
export type PublishedDevices = {
  streamId: number
  devices: NamedDeviceKeys[]
  crossSigningKeys: CrossSigningKey[]
}

/** Reads the answer of `/user/devices`; undefined where it is no such answer. What is wrong in it is left out. */
export function readPublishedDevices(userId: UserId, answer: JsonObject): PublishedDevices | undefined {
  const { stream_id: streamId, devices } = answer
  if (answer.user_id !== userId || !Number.isSafeInteger(streamId) || !Array.isArray(devices)) return undefined
  return {
    streamId: streamId as number,
    devices: devices.slice(0, maxDevices).flatMap((device) => {
      if (!isObject(device) || typeof device.device_id !== 'string') return []
      return readDevice({ userId, deviceId: device.device_id }, device.keys, device.device_display_name) ?? []
    }),
    crossSigningKeys: [
      ...readCrossSigningKey({ userId, usage: 'master' }, answer.master_key),
      ...readCrossSigningKey({ userId, usage: 'self_signing' }, answer.self_signing_key),
    ],
  }
}

/** The keys of a device, where they are its own and well-formed. */
export function readDevice(
  { userId, deviceId }: { userId: UserId; deviceId: string },
  keys: JsonValue | undefined,
  displayName?: JsonValue,
): NamedDeviceKeys | undefined {
  if (deviceId === '' || Buffer.byteLength(deviceId) > maxDeviceIdBytes || !isStorable(deviceId)) return undefined
  if (!isObject(keys) || !isTextByName(keys.keys) || !Array.isArray(keys.algorithms)) return undefined
  const checked = unlessRefused(() => checkDeviceKeys(userId, deviceId, keys as DeviceKeysUpload))
  const isName = typeof displayName === 'string' && isStorable(displayName)
  const name = isName && Buffer.byteLength(displayName) <= maxNameBytes ? displayName : undefined
  return checked && { ...checked, displayName: name }
}

/** The key in a list, or none where it is not this user's. */
export function readCrossSigningKey(
  key: { userId: UserId; usage: KeyUsage },
  value: JsonValue | undefined,
): CrossSigningKey[] {
  if (!isObject(value) || !isTextByName(value.keys) || !Array.isArray(value.usage)) return []
  return unlessRefused(() => [readKey(key, value as KeyUpload)]) ?? []
}

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

const isTextByName = (value: JsonValue | undefined): boolean =>
  isObject(value) && Object.values(value).every((text) => typeof text === 'string')

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MatrixError) return undefined
    throw error
  }
}
