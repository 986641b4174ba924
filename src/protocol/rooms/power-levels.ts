import { isObject, type JsonObject, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { creatorsOf } from './room-creators.ts'
import type { RoomVersion } from './room-version.ts'

/** Who may do what in a room; levels that are missing or unreadable have their defaults. */
export type PowerLevels = {
  /** Infinity for the creators of a room from version 12. */
  ofUser(userId: UserId): number
  /** What a sender needs for an event of this type. */
  required(type: string, isState: boolean): number
  redact: number
  kick: number
  ban: number
  invite: number
  /** What it takes to notify by `@room` and its like. */
  notifications: { room: number }
}

/** Where a room's levels come from; `create` may be missing only where no room exists yet. */
export type PowerLevelSources = { powerLevels: Pick<Pdu, 'content'> | undefined; create: Pdu | undefined }

/** White space is what Unicode calls so, as for Synapse, Dendrite and ruma: with U+0085 and without U+FEFF. */
const stringLevel = /^\p{White_Space}*([+-]?[0-9]+)\p{White_Space}*$/u

/**
 * The number a level stands for, undefined when it is none in this room version: before 10 a string may spell it,
 * before 6 it may be a fraction, which is cut off.
 */
export function readLevel(value: JsonValue | undefined, version: RoomVersion): number | undefined {
  const level = version.powerLevelsIntegersOnly ? value : leniently(value, version)
  return typeof level === 'number' && Number.isSafeInteger(level) ? level : undefined
}

/** The levels in force, with the defaults of https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
export function readPowerLevels({ powerLevels, create }: PowerLevelSources, version: RoomVersion): PowerLevels {
  const content = powerLevels?.content ?? {}
  const { users, events, notifications } = content
  const level = (value: JsonValue | undefined, otherwise: number) => readLevel(value, version) ?? otherwise
  const creators = create ? creatorsOf(create, version) : []
  const usersDefault = level(content.users_default, 0)
  const stateDefault = level(content.state_default, 50)
  const eventsDefault = level(content.events_default, 0)
  return {
    ofUser(userId) {
      if (version.creatorsOutrankAll && creators.includes(userId)) return Infinity
      if (!powerLevels) return creators.includes(userId) ? 100 : 0
      return level(entry(users, userId), usersDefault)
    },
    required: (type, isState) => level(entry(events, type), isState ? stateDefault : eventsDefault),
    redact: level(content.redact, 50),
    kick: level(content.kick, 50),
    ban: level(content.ban, 50),
    invite: level(content.invite, 0),
    notifications: { room: level(entry(notifications, 'room'), 50) },
  }
}

/** The content of the power levels with which a room starts, before a preset or the client changes them. */
export function defaultPowerLevels(creator: UserId, version: RoomVersion): JsonObject {
  return {
    ban: 50,
    events: {
      'm.room.avatar': 50,
      'm.room.canonical_alias': 50,
      'm.room.encryption': 100,
      'm.room.history_visibility': 100,
      'm.room.name': 50,
      'm.room.power_levels': 100,
      'm.room.server_acl': 100,
      'm.room.tombstone': version.creatorsOutrankAll ? 150 : 100,
    },
    events_default: 0,
    invite: 0,
    kick: 50,
    notifications: { room: 50 },
    redact: 50,
    state_default: 50,
    users: version.creatorsOutrankAll ? {} : { [creator]: 100 },
    users_default: 0,
  }
}

function leniently(value: JsonValue | undefined, version: RoomVersion): JsonValue | undefined {
  if (typeof value === 'string') {
    const digits = stringLevel.exec(value)?.[1]
    return digits === undefined ? undefined : Number(digits)
  }
  return typeof value === 'number' && !version.enforceCanonicalJson ? Math.trunc(value) : value
}

function entry(map: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(map) && Object.hasOwn(map, key) ? map[key] : undefined
}
