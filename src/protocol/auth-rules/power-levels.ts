import { isObject, type JsonObject, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import { isValidUserId } from '../ids.ts'
import { readLevel } from '#protocol/rooms/power-levels.ts'
import { creatorsOf } from '#protocol/rooms/room-creators.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { allowed, type Case, type Rejection } from './rejection.ts'
import { powerLevelsRule } from './rule-numbers.ts'

const levelNames = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'] as const

/** A level before and after the event; absent is undefined, and what is no level in this version is NaN. */
type Change = { key: string; before: number | undefined; after: number | undefined }

/** Rule 10 (9 in versions 6 to 11): whether the sender may set these power levels. */
export function judgePowerLevels(facts: Case): Rejection | undefined {
  const { event, version, state } = facts
  const malformed = judgePowerLevelsForm({ content: event.content, create: facts.create }, version)
  if (malformed) return malformed
  const current = state('m.room.power_levels', '')
  // 10.5
  if (!current) return allowed
  return (
    judgeLevels(facts, current.content) ?? judgeMaps(facts, current.content) ?? judgeUserChanges(facts, current.content)
  )
}

/** Rules 10.1 to 10.4: what is wrong with the content whoever sends it. */
export function judgePowerLevelsForm(
  { content, create }: { content: JsonObject; create: Pdu },
  version: RoomVersion,
): Rejection | undefined {
  return judgeForm(content, version) ?? judgeUsers(content, create, version)
}

function judgeForm(content: JsonObject, version: RoomVersion): Rejection | undefined {
  if (!version.powerLevelsIntegersOnly) return allowed
  const isBroken = (value: JsonValue | undefined) => value !== undefined && readLevel(value, version) === undefined
  // 10.1
  const broken = levelNames.find((name) => isBroken(content[name]))
  if (broken) return { rule: powerLevelsRule('integers', version), reason: `${broken} is not an integer` }
  // 10.2
  const brokenMap = ['events', 'notifications'].find((name) => !isMapOfLevels(content[name], version))
  if (brokenMap) return { rule: powerLevelsRule('maps', version), reason: `${brokenMap} does not map to integers` }
  return allowed
}

function judgeUsers({ users }: JsonObject, create: Pdu, version: RoomVersion): Rejection | undefined {
  // 10.3
  if (!isMapOfLevels(users, version) || !Object.keys(users ?? {}).every(isValidUserId))
    return { rule: powerLevelsRule('users', version), reason: 'users does not map user ids to integers' }
  // 10.4
  if (
    version.creatorsOutrankAll &&
    creatorsOf(create, version).some((user) => isObject(users) && Object.hasOwn(users, user))
  )
    return { rule: powerLevelsRule('creators', version), reason: 'A creator has no power level to set' }
  return allowed
}

function judgeLevels({ event, version, levels }: Case, current: JsonObject): Rejection | undefined {
  const own = levels.ofUser(event.sender)
  const rule = powerLevelsRule('levels', version)
  const pick = (content: JsonObject) => Object.fromEntries(levelNames.map((name) => [name, content[name]]))
  for (const { key, before, after } of changesBetween(pick(current), pick(event.content), version)) {
    // 10.6.1
    if (isAbove(before, own)) return { rule: `${rule}.1`, reason: `${key} is above the sender` }
    // 10.6.2
    if (isAbove(after, own)) return { rule: `${rule}.2`, reason: `${key} would be above the sender` }
  }
  return allowed
}

function judgeMaps({ event, version, levels }: Case, current: JsonObject): Rejection | undefined {
  const own = levels.ofUser(event.sender)
  const names = version.notificationsPowerCheck ? ['events', 'notifications'] : ['events']
  const changes = names.flatMap((name) => changesBetween(current[name], event.content[name], version))
  // 10.7.1
  const old = changes.find(({ before }) => isAbove(before, own))
  if (old) return { rule: `${powerLevelsRule('oldEvents', version)}.1`, reason: `${old.key} is above the sender` }
  // 10.8.1
  const next = changes.find(({ after }) => isAbove(after, own))
  if (next)
    return { rule: `${powerLevelsRule('newEvents', version)}.1`, reason: `${next.key} would be above the sender` }
  return allowed
}

function judgeUserChanges({ event, version, levels }: Case, current: JsonObject): Rejection | undefined {
  const own = levels.ofUser(event.sender)
  const changes = changesBetween(current.users, event.content.users, version)
  // 10.9.1
  if (changes.some(({ key, before }) => key !== event.sender && before !== undefined && !(before < own)))
    return { rule: `${powerLevelsRule('oldUsers', version)}.1`, reason: 'A user is not below the sender' }
  // 10.10.1
  if (changes.some(({ after }) => isAbove(after, own)))
    return { rule: `${powerLevelsRule('newUsers', version)}.1`, reason: 'A user would be above the sender' }
  return allowed
}

/**
 * What was added, changed or removed, by the numbers the values stand for.
 *
 * NOTSPEC: what is no level counts as changed even where it stays as it is. Up to version 9 the first event may hold
 * such; servers in use (Synapse, Dendrite, ruma) then refuse all that would follow it, a repair too. (Only Synapse reads
 * true and false as 1 and 0; they are no integers.)
 */
function changesBetween(before: JsonValue | undefined, after: JsonValue | undefined, version: RoomVersion): Change[] {
  const old = isObject(before) ? before : {}
  const next = isObject(after) ? after : {}
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .map((key) => ({ key, before: numberAt(old, key, version), after: numberAt(next, key, version) }))
    .filter(({ before, after }) => before !== after)
}

function numberAt(levels: JsonObject, key: string, version: RoomVersion): number | undefined {
  const value = Object.hasOwn(levels, key) ? levels[key] : undefined
  return value === undefined ? undefined : (readLevel(value, version) ?? NaN)
}

/** True also for what is no level: whatever the version's check of the form says, no sender may set or change that. */
function isAbove(level: number | undefined, own: number): boolean {
  return level !== undefined && !(level <= own)
}

function isMapOfLevels(map: JsonValue | undefined, version: RoomVersion): boolean {
  if (map === undefined) return true
  return isObject(map) && Object.values(map).every((value) => readLevel(value, version) !== undefined)
}
