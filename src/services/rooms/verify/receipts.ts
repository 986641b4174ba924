import type { RowChange } from '#store/rooms/room-check.ts'
import { difference, type Subject } from './subject.ts'

/** Receipts must name events that the room has, where it has them. */
export async function checkReceipts({ store, room, roomId }: Subject): Promise<RowChange[]> {
  const lost = await store.rooms.check.lostReceipts(roomId, room.nid)
  // Of purged history they go with it.
  const wrong = lost.filter((row) => Number(row.event_position) > room.purgedUpTo)
  return wrong.flatMap(({ actual, ...stored }) => {
    const { room_id, user_id, type, thread_id } = stored
    const expected = actual === null ? undefined : { event_position: Number(actual) }
    return difference('receipts', { room_id, user_id, type, thread_id }, { stored, expected })
  })
}
