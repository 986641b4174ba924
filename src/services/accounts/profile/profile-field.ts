import { badJson, invalidParam, MatrixError } from '#base/errors.ts'
import type { JsonValue } from '#protocol/events/event.ts'

const maxNameBytes = 255
const maxDisplayname = 256
const maxAvatarUrl = 1000
const namespaced = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/
const mxc = /^mxc:\/\/[^/\s]+\/[A-Za-z0-9_-]+$/

/** Whether member events contain the field. */
export const isShownInRooms = (name: string): boolean => name === 'displayname' || name === 'avatar_url'

/** Refuses names that no profile field has. https://spec.matrix.org/v1.19/client-server-api/#profiles */
export function checkFieldName(name: string): void {
  if (Buffer.byteLength(name) > maxNameBytes)
    throw new MatrixError(400, 'M_KEY_TOO_LARGE', `A profile key has at most ${maxNameBytes} bytes`)
  if (!isShownInRooms(name) && !namespaced.test(name)) throw invalidParam('The profile key is not valid')
}

/** The value to store, or undefined where the request clears the field. */
export function checkFieldValue(name: string, value: JsonValue): JsonValue | undefined {
  if (!isShownInRooms(name)) return checkTimeZone(name, value)
  // NOTSPEC: clients clear their name and avatar with '' or null as well as by DELETE.
  if (value === '' || value === null) return undefined
  if (typeof value !== 'string') throw badJson('The value is no string')
  if (name === 'displayname' && value.length > maxDisplayname) throw invalidParam('The display name is too long')
  if (name === 'avatar_url' && (value.length > maxAvatarUrl || !mxc.test(value)))
    throw invalidParam('The avatar is no mxc:// URI')
  return value
}

function checkTimeZone(name: string, value: JsonValue): JsonValue {
  if (name === 'm.tz' && typeof value !== 'string') throw badJson('The value is no string')
  return value
}

/** Refuses profiles that are too large. */
export function checkProfileSize(profile: { [name: string]: JsonValue }, most: number): void {
  if (Buffer.byteLength(JSON.stringify(profile)) > most)
    throw new MatrixError(400, 'M_PROFILE_TOO_LARGE', `A profile has at most ${most} bytes`)
}
