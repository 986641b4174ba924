import { isObject, type JsonObject, type JsonValue } from './event.ts'
import { hasFormOfUserId, isHashedRoomId, isValidEventId, isValidRoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** Which field does not have the form that the room version prescribes. */
export function formatViolation(event: JsonObject, version: RoomVersion): string | undefined {
  const checks = [
    ...commonChecks,
    ...(version.eventFormat === 'v1' ? checksV1 : checksV3),
    ...(version.redactsInContent ? [] : checksUpToV10),
  ]
  const broken = checks.find(([field, holds]) => !holds(event[field]))
  if (broken) return `${broken[0]} is missing, malformed or out of place`
  return isRoomIdInPlace(event, version) ? undefined : 'room_id is missing or malformed'
}

type Check = readonly [field: string, holds: (value: JsonValue | undefined) => boolean]

const isString = (value: JsonValue | undefined) => typeof value === 'string'
const isAbsentOr = (holds: Check[1]) => (value: JsonValue | undefined) => value === undefined || holds(value)
const isArrayOf = (holds: Check[1]) => (value: JsonValue | undefined) => Array.isArray(value) && value.every(holds)
const isId = (value: JsonValue | undefined) => typeof value === 'string' && isValidEventId(value)

const isMapOf = (holds: Check[1]) => (value: JsonValue | undefined) =>
  isObject(value) && Object.values(value).every(holds)

// NOTSPEC: of the hashes sha256 is required, but it is not compared, and Synapse takes events without.
const isReference = (value: JsonValue | undefined) =>
  Array.isArray(value) && value.length === 2 && isId(value[0]) && isMapOf(isString)(value[1])

const commonChecks: readonly Check[] = [
  ['type', isString],
  // Its length is one of the limits.
  ['sender', (value) => typeof value === 'string' && hasFormOfUserId(value)],
  ['state_key', isAbsentOr(isString)],
  ['content', isObject],
  ['origin_server_ts', Number.isSafeInteger],
  ['depth', Number.isSafeInteger],
  ['hashes', (value) => isObject(value) && isString(value.sha256)],
  ['signatures', isMapOf(isMapOf(isString))],
  ['unsigned', isAbsentOr(isObject)],
]

const checksV1: readonly Check[] = [
  ['event_id', (value) => isId(value) && (value as string).includes(':')],
  ['prev_events', isArrayOf(isReference)],
  ['auth_events', isArrayOf(isReference)],
]

/** https://spec.matrix.org/v1.19/rooms/v3/#event-format */
const checksV3: readonly Check[] = [
  ['event_id', (value) => value === undefined],
  ['prev_events', isArrayOf(isId)],
  ['auth_events', isArrayOf(isId)],
]

const checksUpToV10: readonly Check[] = [['redacts', isAbsentOr(isString)]]

/** From room version 12 the create event has no room id (the auth rules refuse one) and the others have a hash. */
function isRoomIdInPlace({ type, state_key: stateKey, room_id: roomId }: JsonObject, version: RoomVersion): boolean {
  if (version.roomIdIsCreateHash && type === 'm.room.create' && stateKey === '' && roomId === undefined) return true
  if (typeof roomId !== 'string') return false
  return version.roomIdIsCreateHash ? isHashedRoomId(roomId) : isValidRoomId(roomId) && roomId.includes(':')
}
