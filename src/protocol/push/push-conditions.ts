import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { parsePropertyPath, propertyAt } from '#protocol/json/property-path.ts'
import type { PushCondition } from './push-ruleset.ts'
import { compilePattern } from './text-pattern.ts'

/** One event as the rules of many users look at it: each property is found, and put in lower case, once for all. */
export type FlatEvent = {
  sender: JsonValue | undefined
  valueAt: (property: Property) => JsonValue | undefined
  lowerCaseAt: (property: Property) => string | undefined
}

/** What rules ask beside the event; `displayName` is the one of the rules' owner in the room. */
export type PushContext = {
  memberCount: number
  /** Infinity for creators who outrank all. */
  senderPowerLevel: number
  /** `notifications` of the power levels in force. */
  roomNotificationLevels: Readonly<Record<string, number>>
  displayName?: string
}

export type Condition = (event: FlatEvent, context: PushContext) => boolean

type Property = { path: string; names: readonly string[] }

const propertyOf = (path: string): Property => ({ path, names: parsePropertyPath(path) })

const body = propertyOf('content.body')

/**
 * So much of a text is looked at: with the budget of patterns a user has, this bounds the work for one event.
 * NOTSPEC: what stands farther behind in a long text matches no pattern.
 */
export const maxMatchedLength = 4096

/** So many properties of an event are remembered for those who ask next; rules may name thousands. */
const maxRemembered = 64

/** The level for a notification kind that the power levels do not name. */
const defaultNotificationLevel = 50

/**
 * Prepares an event, in the client format, for `evaluate`. Properties are looked up when a rule asks for them, since
 * spelling out every path of a hostile event takes quadratic space.
 */
export function flattenEvent(event: JsonObject): FlatEvent {
  const values = new Map<string, JsonValue | undefined>()
  const texts = new Map<string, string>()
  const valueAt = ({ path, names }: Property) => {
    if (values.has(path)) return values.get(path)
    const value = propertyAt(event, names)
    if (values.size < maxRemembered) values.set(path, value)
    return value
  }
  const lowerCaseAt = (property: Property) => {
    const known = texts.get(property.path)
    if (known !== undefined) return known
    const value = valueAt(property)
    if (typeof value !== 'string') return undefined
    const text = value.slice(0, maxMatchedLength).toLowerCase()
    if (texts.size < maxRemembered) texts.set(property.path, text)
    return text
  }
  return { sender: event['sender'], valueAt, lowerCaseAt }
}

/** https://spec.matrix.org/v1.19/client-server-api/#conditions-1; unknown and malformed conditions never match. */
export function compileCondition(condition: PushCondition): Condition {
  switch (condition.kind) {
    case 'event_match':
      return eventMatch(condition['key'], condition['pattern'])
    case 'event_property_is':
      return eventPropertyIs(condition['key'], condition['value'])
    case 'event_property_contains':
      return eventPropertyContains(condition['key'], condition['value'])
    case 'contains_display_name':
      return containsDisplayName
    case 'room_member_count':
      return roomMemberCount(condition['is'])
    case 'sender_notification_permission':
      return senderNotificationPermission(condition['key'])
    default:
      return never
  }
}

const never: Condition = () => false

type Parameter = JsonValue | undefined

/** A glob on a whole property, but on any words of `content.body`. */
export function eventMatch(key: Parameter, pattern: Parameter): Condition {
  if (typeof key !== 'string' || typeof pattern !== 'string') return never
  const property = propertyOf(key)
  const words = property.names.length === 2 && property.names[0] === 'content' && property.names[1] === 'body'
  const matches = compilePattern(pattern, { words })
  return (event) => {
    const text = event.lowerCaseAt(property)
    return text !== undefined && matches(text)
  }
}

export function eventPropertyIs(key: Parameter, value: Parameter): Condition {
  if (typeof key !== 'string' || !isSimple(value)) return never
  const property = propertyOf(key)
  return (event) => event.valueAt(property) === value
}

function eventPropertyContains(key: Parameter, value: Parameter): Condition {
  if (typeof key !== 'string' || !isSimple(value)) return never
  const property = propertyOf(key)
  return (event) => {
    const list = event.valueAt(property)
    return Array.isArray(list) && list.includes(value)
  }
}

/** The values that canonical JSON writes without brackets. */
const isSimple = (value: Parameter): value is string | number | boolean | null =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)

const containsDisplayName: Condition = (event, { displayName }) => {
  const text = event.lowerCaseAt(body)
  return text !== undefined && !!displayName && compilePattern(displayName, { words: true, literal: true })(text)
}

function roomMemberCount(is: Parameter): Condition {
  const [, comparison = '==', digits] = typeof is === 'string' ? (/^(==|<=|>=|<|>)?([0-9]+)$/.exec(is) ?? []) : []
  if (digits === undefined) return never
  const bound = Number(digits)
  switch (comparison) {
    case '<':
      return (_, { memberCount }) => memberCount < bound
    case '>':
      return (_, { memberCount }) => memberCount > bound
    case '<=':
      return (_, { memberCount }) => memberCount <= bound
    case '>=':
      return (_, { memberCount }) => memberCount >= bound
    default:
      return (_, { memberCount }) => memberCount === bound
  }
}

function senderNotificationPermission(key: Parameter): Condition {
  if (typeof key !== 'string') return never
  return (_, { senderPowerLevel, roomNotificationLevels: levels }) => {
    const needed = Object.hasOwn(levels, key) ? (levels[key] ?? defaultNotificationLevel) : defaultNotificationLevel
    return senderPowerLevel >= needed
  }
}
