import type { JsonValue } from '#protocol/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/room-version.ts'
import { checkFormat } from './check-format.ts'
import { checkHash } from './check-hash.ts'
import { checkSignatures } from './check-signatures.ts'
import type { CheckedEvent, FindKey } from './checked-event.ts'

type Room = { roomId: RoomId; version: RoomVersion }

/** Checks 1 to 3, which need nothing but the event and keys. */
export async function checkEvent(
  findKey: FindKey,
  value: JsonValue,
  room: Room,
): Promise<CheckedEvent | { violation: string }> {
  const checked = checkFormat(value, room)
  if ('violation' in checked) return checked
  const unsigned = await checkSignatures(findKey, checked.pdu, room.version)
  if (unsigned !== undefined) return { violation: `The event lacks a valid signature of ${unsigned}` }
  return { ...checked, pdu: checkHash(checked.pdu, room.version) }
}
