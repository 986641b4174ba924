import { isObject, type JsonObject, type JsonValue, type UnsignedPdu } from '#protocol/events/event.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** What we asked a server to make a template of. */
export type Asked = { roomId: RoomId; userId: UserId; membership: 'join' | 'leave' | 'knock'; content: JsonObject }

/** What any event may have, and what servers in use put beside it. */
const eventKeys = new Set([
  'auth_events',
  'content',
  'depth',
  'event_id',
  'hashes',
  'membership',
  'origin',
  'origin_server_ts',
  'prev_events',
  'prev_state',
  'room_id',
  'sender',
  'signatures',
  'state_key',
  'type',
  'unsigned',
])

/** Of the content only the authoriser is ever taken: a user says for herself how she is called. */
const contentKeys = new Set(['membership', 'join_authorised_via_users_server', 'displayname', 'avatar_url', 'reason'])

/**
 * The event to sign, from what a server answered to `make_join`, `make_leave` or `make_knock`: it says where the event
 * stands in the room, and nothing else. Answers why it is refused where it is any other than the one asked for.
 */
export function checkTemplate(
  template: JsonValue | undefined,
  { roomId, userId, membership, content }: Asked,
  version: RoomVersion,
): Omit<UnsignedPdu, 'origin_server_ts'> | { violation: string } {
  if (!isObject(template) || !isObject(template.content)) return { violation: 'The template is no event' }
  const isAsked =
    template.type === 'm.room.member' &&
    template.sender === userId &&
    template.state_key === userId &&
    template.room_id === roomId &&
    template.content.membership === membership
  if (!isAsked) return { violation: 'The template is of another event' }
  const strange = [
    ...Object.keys(template).filter((key) => !eventKeys.has(key)),
    ...Object.keys(template.content).filter((key) => !contentKeys.has(key)),
  ]
  if (strange.length > 0) return { violation: 'The template has keys that nobody asked for' }
  const authority = authorityIn(template.content, { membership, version })
  if ('violation' in authority) return authority
  const { prev_events, auth_events, depth } = template as unknown as UnsignedPdu
  return {
    type: 'm.room.member',
    sender: userId,
    state_key: userId,
    room_id: roomId,
    content: { ...content, membership, ...authority.content },
    prev_events,
    auth_events,
    depth,
  }
}

function authorityIn(
  { join_authorised_via_users_server: authoriser }: JsonObject,
  { membership, version }: Pick<Asked, 'membership'> & { version: RoomVersion },
): { content: JsonObject } | { violation: string } {
  if (authoriser === undefined || authoriser === null) return { content: {} }
  if (membership !== 'join' || !version.restricted || typeof authoriser !== 'string')
    return { violation: 'The template names an authoriser where none is needed' }
  return { content: { join_authorised_via_users_server: authoriser } }
}
