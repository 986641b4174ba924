import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { entriesByUser, type UserId } from '#protocol/ids.ts'
import { defaultPowerLevels, readLevel } from '#protocol/rooms/power-levels.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { withTombstoneLevel } from '#services/rooms/write/initial-power-levels.ts'

export type ReplacedRoomLevels = {
  /** The old room's power levels; undefined where it had none. */
  content: JsonObject | undefined
  version: RoomVersion
  /** The old room's creators. */
  creators: readonly UserId[]
}

export type NewOwners = { version: RoomVersion; creator: UserId; additional: readonly UserId[] }

/**
 * The power levels of a replacement room: the initial ones, which let its creator set all state, and the final ones.
 */
export function upgradedPowerLevels(
  replaced: ReplacedRoomLevels,
  { version, creator, additional }: NewOwners,
): { initial: JsonObject; final: JsonObject } {
  const content = replaced.content
    ? normalized(replaced.content, replaced.version)
    : defaultPowerLevels(creator, version)
  const users = asObject(content.users)
  if (version.creatorsOutrankAll) {
    const owners = [creator, ...additional]
    const others = Object.fromEntries(entriesByUser(users).filter(([userId]) => !owners.includes(userId)))
    const final = withTombstoneLevel({ ...content, users: others }, version)
    return { initial: final, final }
  }
  const final = replaced.version.creatorsOutrankAll
    ? withoutCreators(content, replaced.creators)
    : { ...content, users }
  const highest = Math.max(100, ...levelsIn(final))
  return { initial: { ...final, users: { ...asObject(final.users), [creator]: highest } }, final }
}

/**
 * Privileged creators outrank all power levels. In a version without them they become the users with the highest level,
 * and levels that only they could reach are lowered to theirs, or they could never be used again.
 */
function withoutCreators(content: JsonObject, creators: readonly string[]): JsonObject {
  const { users, ...required } = content
  const top = Math.max(100, ...levelsIn(asObject(users)))
  return {
    ...cappedAt(top, required),
    users: { ...asObject(users), ...Object.fromEntries(creators.map((userId) => [userId, top])) },
  }
}

const cappedAt = (top: number, levels: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(levels).flatMap(([key, level]): [string, JsonValue][] => {
      if (level === undefined) return []
      if (isObject(level)) return [[key, cappedAt(top, level)]]
      return [[key, typeof level === 'number' ? Math.min(level, top) : level]]
    }),
  )

/** Levels as integers: newer versions allow no strings and fractions. */
function normalized(content: JsonObject, version: RoomVersion): JsonObject {
  const entries = Object.entries(content).flatMap(([key, value]): [string, JsonValue][] => {
    if (isObject(value)) return [[key, normalized(value, version)]]
    const level = readLevel(value, version)
    return level === undefined ? [] : [[key, level]]
  })
  return Object.fromEntries(entries)
}

const asObject = (value: JsonValue | undefined): JsonObject => (isObject(value) ? value : {})

function levelsIn(content: JsonObject): number[] {
  return Object.values(content).flatMap((value) => {
    if (isObject(value)) return levelsIn(value)
    return typeof value === 'number' ? [value] : []
  })
}
