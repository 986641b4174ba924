import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { storedPdu } from './stored-pdu.ts'

const sliceSize = 500

/** The PDUs of a room's events that are on disk, in slices that leave the event loop free in between. */
export async function loadPdus(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  ids: Iterable<EventId>,
): Promise<Map<EventId, Pdu>> {
  const wanted = [...ids]
  const pdus = new Map<EventId, Pdu>()
  for (let start = 0; start < wanted.length; start += sliceSize) {
    if (start > 0) await nextTurn()
    for (const event of await store.rooms.events.findMany(wanted.slice(start, start + sliceSize)))
      if (event.roomNid === room.nid) pdus.set(event.eventId, storedPdu(event, room))
  }
  return pdus
}
