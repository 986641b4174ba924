import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { isValidUserId, serverOf } from '../ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { allowed, type Rejection } from './rejection.ts'
import { createRule } from './rule-numbers.ts'

/** Rule 1: whether the event may open a room. */
export function judgeCreate({ content, ...event }: Pdu, version: RoomVersion): Rejection | undefined {
  const reject = (name: Parameters<typeof createRule>[0], reason: string) => ({
    rule: createRule(name, version),
    reason,
  })
  // 1.1
  if (event.prev_events.length > 0) return reject('prevEvents', 'A create event comes first')
  // 1.2
  if (version.roomIdIsCreateHash && event.room_id !== undefined)
    return reject('roomId', 'A create event names its room by its hash only')
  // 1.2 up to version 11
  if (!version.roomIdIsCreateHash && serverOf(event.room_id ?? '') !== serverOf(event.sender))
    return reject('roomId', "The room id is another server's")
  // 1.3
  if (Object.hasOwn(content, 'room_version') && !isRecognised(content.room_version))
    return reject('version', 'The room version is unknown')
  // 1.4 up to version 10
  if (version.creators === 'content' && !Object.hasOwn(content, 'creator'))
    return reject('creator', 'The create event names no creator')
  // 1.4
  if (version.creators === 'sender-and-additional' && !areUserIds(content.additional_creators))
    return reject('additionalCreators', 'additional_creators is not a list of user ids')
  return allowed
}

function isRecognised(id: JsonValue | undefined): boolean {
  return typeof id === 'string' && roomVersion(id) !== undefined
}

function areUserIds(users: JsonValue | undefined): boolean {
  if (users === undefined) return true
  return Array.isArray(users) && users.every((user) => typeof user === 'string' && isValidUserId(user))
}
