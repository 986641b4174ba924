import { isObject, type JsonObject, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import { isValidRoomId, type RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from './room-version.ts'

/** The room's join rule: `invite` when it has none, undefined, which admits no user, when it is no string. */
export function joinRuleOf(joinRules: Pick<Pdu, 'content'> | undefined): string | undefined {
  const rule = joinRules?.content.join_rule
  if (rule === undefined) return 'invite'
  return typeof rule === 'string' ? rule : undefined
}

/** Whether the rule admits members of other rooms, in this room version. */
export function isRestrictedRule(rule: string | undefined, version: RoomVersion): boolean {
  return (version.restricted && rule === 'restricted') || (version.knockRestricted && rule === 'knock_restricted')
}

/**
 * The rooms whose members the join rules admit, from the content of `m.room.join_rules`: being joined to one is enough.
 * https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms
 */
export function roomsThatAdmit({ allow }: JsonObject): RoomId[] {
  if (!Array.isArray(allow)) return []
  return [...new Set(allow.map(admittingRoom).filter((roomId) => roomId !== undefined))]
}

function admittingRoom(condition: JsonValue): RoomId | undefined {
  if (!isObject(condition) || condition.type !== 'm.room_membership') return undefined
  const roomId = condition.room_id
  return typeof roomId === 'string' && isValidRoomId(roomId) ? roomId : undefined
}
