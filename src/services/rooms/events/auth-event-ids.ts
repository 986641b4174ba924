import { authEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** What the event rests on: its auth events, and the create event where the room id implies it. */
export function authEventIdsWithCreate(pdu: Pdu, version: RoomVersion): EventId[] {
  const cited = [...new Set(authEventIds(pdu, version))]
  const implied = version.roomIdIsCreateHash && pdu.room_id !== undefined
  return implied ? [`$${pdu.room_id!.slice(1)}`, ...cited] : cited
}
