import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { defaultPowerLevels, readLevel } from '#protocol/rooms/power-levels.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { Preset } from './initial-events.ts'

export type PowerLevelOptions = {
  creator: UserId
  preset?: Preset | undefined
  /** Whom the preset puts on a level with the creator. */
  equals: readonly string[]
  /** Replaces whole keys of the content. */
  override?: JsonObject | undefined
}

/**
 * The content of a new room's first power levels.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
export function initialPowerLevels(
  { creator, preset, equals, override = {} }: PowerLevelOptions,
  version: RoomVersion,
): JsonObject {
  const defaults = defaultPowerLevels(creator as UserId, version)
  const users = version.creatorsOutrankAll
    ? {}
    : { ...(defaults.users as JsonObject), ...Object.fromEntries(equals.map((userId) => [userId, 100])) }
  const content: JsonObject = { ...defaults, ...(preset && presetLevels[preset]), users, ...override }
  const { events } = override
  const isSaid = isObject(events) && Object.hasOwn(events, 'm.room.tombstone')
  return version.creatorsOutrankAll && !isSaid ? withTombstoneLevel(content, version) : content
}

// NOTSPEC: the presets say nothing of levels, and without one anybody may invite. In a room that anybody can join that
// is only of use to whoever gets others into restricted rooms, so it takes a moderator, as in rooms that Synapse makes.
const presetLevels: Partial<Record<Preset, JsonObject>> = { public_chat: { invite: 50 } }

/**
 * NOTSPEC: from version 12 the rules refuse power levels that list a creator, and a client that asks for such a version
 * is refused. One that leaves the version to us may be older than version 12 and list itself, as bots do: its entry is
 * left out, since creators outrank every level anyway.
 */
export function withoutCreator(
  override: JsonObject | undefined,
  creator: string,
  version: RoomVersion,
): JsonObject | undefined {
  const users = override?.users
  if (!version.creatorsOutrankAll || !isObject(users)) return override
  return { ...override, users: Object.fromEntries(Object.entries(users).filter(([userId]) => userId !== creator)) }
}

/** From version 12 only what is above ordinary state may end a room, whatever the client makes of the other levels. */
export function withTombstoneLevel(content: JsonObject, version: RoomVersion): JsonObject {
  const { events = {}, state_default: stateDefault } = content
  if (!isObject(events)) return content
  const replaced = readLevel(events['m.room.tombstone'], version) ?? 0
  const ordinary = readLevel(stateDefault, version) ?? 50
  const level = Math.min(Math.max(150, replaced, ordinary + 1), Number.MAX_SAFE_INTEGER)
  return { ...content, events: { ...events, 'm.room.tombstone': level } }
}
