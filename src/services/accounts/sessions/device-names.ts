import { invalidParam } from '#base/errors.ts'

const maxBytes = 255

/** Refuses device ids that no store and no log could hold. */
export function checkDeviceId(deviceId: string): void {
  if (!isDeviceId(deviceId)) throw invalidParam('The device id is empty, too long or has control characters')
}

/** Whether a device could have this id at all. */
export const isDeviceId = (deviceId: string): boolean => deviceId !== '' && isPlain(deviceId)

/** Refuses display names that are too long or hold control characters. */
export function checkDeviceName(displayName: string): void {
  if (!isPlain(displayName)) throw invalidParam('The display name is too long or has control characters')
}

const isPlain = (text: string): boolean => Buffer.byteLength(text) <= maxBytes && !/\p{Cc}|\p{Cs}/u.test(text)
