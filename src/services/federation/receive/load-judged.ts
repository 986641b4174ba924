import type { EventId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { FindJudged, JudgedEvent } from './check-auth-events.ts'
import type { ReceiveNeeds } from './ports.ts'

/** What is known here of some events that others cite. */
export async function loadJudged(
  { store }: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<FindJudged> {
  const judged = new Map<EventId, JudgedEvent | 'elsewhere'>()
  for (const event of await store.rooms.events.findMany(ids))
    judged.set(
      event.eventId,
      event.roomNid === room.nid
        ? { pdu: storedPdu(event, room), isRejected: event.status === 'rejected' }
        : 'elsewhere',
    )
  return (id) => judged.get(id)
}
