import { isValidRoomId, isValidUserId } from '#protocol/ids.ts'

/** Enough for every client seen; wildcards are tried one by one for each event. */
export const maxFilterEntries = 1_000

type Check = (value: unknown, at: string) => string | undefined
type Fields = Readonly<Record<string, Check>>

/** What is wrong with a Filter from outside, in words for the client, or undefined. Unknown keys are allowed, null is as good as nothing. */
export function filterViolation(filter: unknown): string | undefined {
  return filterShape(filter, 'filter')
}

/** The same for the RoomEventFilter that /messages, /context and /search take. */
export function roomEventFilterViolation(filter: unknown): string | undefined {
  return roomEventFilterShape(filter, 'filter')
}

const boolean: Check = (value, at) => (typeof value === 'boolean' ? undefined : `${at} must be a boolean`)

const limit: Check = (value, at) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? undefined
    : `${at} must be a positive integer`

const eventFormat: Check = (value, at) =>
  value === 'client' || value === 'federation' ? undefined : `${at} must be client or federation`

const listOf =
  (what: string, isOne: (text: string) => boolean): Check =>
  (value, at) => {
    if (!Array.isArray(value)) return `${at} must be a list`
    if (value.length > maxFilterEntries) return `${at} has more than ${maxFilterEntries} entries`
    return value.every((item) => typeof item === 'string' && isOne(item)) ? undefined : `${at} must hold ${what}`
  }

const strings = listOf('strings', () => true)
const userIds = listOf('user ids', isValidUserId)
const roomIds = listOf('room ids', isValidRoomId)

const objectOf =
  (fields: Fields): Check =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} must be an object`
    for (const [key, check] of Object.entries(fields)) {
      const field: unknown = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
      const violation = (field ?? undefined) === undefined ? undefined : check(field, `${at}.${key}`)
      if (violation !== undefined) return violation
    }
    return undefined
  }

const eventFields: Fields = { limit, types: strings, not_types: strings, senders: userIds, not_senders: userIds }

const eventFilterShape = objectOf(eventFields)

const roomEventFilterShape = objectOf({
  ...eventFields,
  rooms: roomIds,
  not_rooms: roomIds,
  contains_url: boolean,
  lazy_load_members: boolean,
  include_redundant_members: boolean,
  unread_thread_notifications: boolean,
  related_by_rel_types: strings,
  related_by_senders: userIds,
})

const filterShape = objectOf({
  event_fields: strings,
  event_format: eventFormat,
  account_data: eventFilterShape,
  presence: eventFilterShape,
  room: objectOf({
    rooms: roomIds,
    not_rooms: roomIds,
    include_leave: boolean,
    account_data: roomEventFilterShape,
    ephemeral: roomEventFilterShape,
    state: roomEventFilterShape,
    timeline: roomEventFilterShape,
  }),
})
