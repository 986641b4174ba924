import { badJson } from '#base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { isValidRoomId, isValidUserId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

export type CreateContentOptions = {
  creator: UserId
  /** What the client asks for. */
  requested?: JsonObject | undefined
  /** Whom the preset makes creators beside the first, in versions that know such. */
  partners: readonly UserId[]
}

/** The content of a room's create event; throws M_BAD_JSON for what no room could start with. */
export function createContent(
  { creator, requested = {}, partners }: CreateContentOptions,
  version: RoomVersion,
): JsonObject {
  const { creator: _creator, room_version: _version, additional_creators: additional, ...rest } = requested
  refuseWrongForm(rest)
  return {
    ...rest,
    ...(version.creators === 'content' && { creator }),
    ...(version.creators === 'sender-and-additional'
      ? additionalCreators([...readUserIds(additional), ...partners], creator)
      : additional !== undefined && { additional_creators: additional }),
    room_version: version.id,
  }
}

function refuseWrongForm({ type, predecessor, 'm.federate': federate }: JsonObject): void {
  if (type !== undefined && typeof type !== 'string') throw badJson('The type of a room is a string')
  if (federate !== undefined && typeof federate !== 'boolean') throw badJson('m.federate is true or false')
  if (predecessor !== undefined && !isPredecessor(predecessor)) throw badJson('The predecessor names no room')
}

function isPredecessor(value: JsonValue): boolean {
  if (!isObject(value)) return false
  const { room_id: roomId, event_id: eventId } = value
  return typeof roomId === 'string' && isValidRoomId(roomId) && (eventId === undefined || typeof eventId === 'string')
}

/** User ids that a client names as further creators. */
export function readUserIds(users: JsonValue | undefined): UserId[] {
  if (users === undefined) return []
  if (!Array.isArray(users)) throw badJson('additional_creators is a list of user ids')
  return users.map((user) => {
    if (typeof user !== 'string' || !isValidUserId(user)) throw badJson('additional_creators is a list of user ids')
    return user
  })
}

function additionalCreators(users: readonly UserId[], creator: UserId): JsonObject {
  const others = [...new Set(users)].filter((user) => user !== creator)
  return others.length > 0 ? { additional_creators: others } : {}
}
