import type { JsonValue } from '#protocol/events/event.ts'
import { eventId } from '#protocol/events/event-id.ts'
import { readPdu } from '#protocol/events/event-format.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { CheckedEvent } from './checked-event.ts'

/**
 * Check 1: whether the JSON is an event of this room, by the room's own version and no other.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function checkFormat(
  value: JsonValue,
  { roomId, version }: { roomId: RoomId; version: RoomVersion },
): CheckedEvent | { violation: string } {
  const read = readPdu(value, version)
  if ('violation' in read) return read
  const { pdu } = read
  // NOTSPEC: the grammar of types and state keys has no limits, but no database column of PostgreSQL holds U+0000.
  if (`${pdu.type}${pdu.state_key ?? ''}`.includes('\0')) return { violation: 'A type or state key holds U+0000' }
  const id = eventId(pdu, version)
  const isCreate = version.roomIdIsCreateHash && pdu.room_id === undefined
  if ((isCreate ? `!${id.slice(1)}` : pdu.room_id) !== roomId) return { violation: 'The event is of another room' }
  return { pdu, eventId: id }
}
