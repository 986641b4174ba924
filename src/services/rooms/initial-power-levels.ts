import { isObject, type JsonObject } from '#protocol/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { defaultPowerLevels, readLevel } from '#protocol/power-levels.ts'
import type { RoomVersion } from '#protocol/room-version.ts'

export type LevelWishes = {
  creator: string
  /** Whom the preset puts on a level with the creator. */
  equals: readonly string[]
  /** Replaces whole keys of the content. */
  override?: JsonObject | undefined
}

/**
 * The content of a new room's first power levels.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
export function initialPowerLevels({ creator, equals, override = {} }: LevelWishes, version: RoomVersion): JsonObject {
  const defaults = defaultPowerLevels(creator as UserId, version)
  const users = version.creatorsOutrankAll
    ? {}
    : { ...(defaults.users as JsonObject), ...Object.fromEntries(equals.map((userId) => [userId, 100])) }
  const content: JsonObject = { ...defaults, users, ...override }
  return version.creatorsOutrankAll ? withTombstoneLevel(content, version) : content
}

/** From version 12 only what is above ordinary state may end a room, also when the client replaced `events`. */
export function withTombstoneLevel(content: JsonObject, version: RoomVersion): JsonObject {
  const { events = {}, state_default: stateDefault } = content
  if (!isObject(events) || Object.hasOwn(events, 'm.room.tombstone')) return content
  const level = Math.max(150, (readLevel(stateDefault, version) ?? 50) + 1)
  return { ...content, events: { ...events, 'm.room.tombstone': level } }
}
