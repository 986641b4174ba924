import type { JsonValue } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { checkFormat } from './check-format.ts'
import { checkIntegrity } from './check-integrity.ts'
import type { CheckedEvent, FindKey } from './checked-event.ts'

type Room = { roomId: RoomId; version: RoomVersion }

/** Checks 1 to 3, which need nothing but the event and keys. */
export async function checkEvent(
  findKey: FindKey,
  value: JsonValue,
  room: Room,
): Promise<CheckedEvent | { violation: string }> {
  const checked = checkFormat(value, room)
  return 'violation' in checked ? checked : checkIntegrity(findKey, checked, room.version)
}
