import type { EventId } from '#protocol/ids.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { FindJudged, JudgedEvent } from './check-auth-events.ts'
import type { ReceiveNeeds } from './ports.ts'

/** What is known here of some events that others cite. */
export async function loadJudged(
  { store }: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  ids: readonly EventId[],
): Promise<FindJudged> {
  const judged = new Map<EventId, JudgedEvent | 'elsewhere'>()
  for (const event of await store.events.findMany(ids))
    judged.set(
      event.eventId,
      event.roomNid === line.nid
        ? { pdu: storedPdu(event, line), isRejected: event.status === 'rejected' }
        : 'elsewhere',
    )
  return (id) => judged.get(id)
}
