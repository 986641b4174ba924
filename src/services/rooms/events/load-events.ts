import { inSlicesWithPauses } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { storedPdu } from './stored-pdu.ts'

/** So many that a query takes a few milliseconds: the state of a large room must not delay other requests. */
const sliceSize = 2000

/** The events at some positions as far as they exist, without what only the graph needs. */
export async function loadEvents(
  { store }: Pick<Context, 'store'>,
  positions: readonly number[],
): Promise<StoredEvent[]> {
  if (positions.length <= sliceSize) return store.rooms.events.shownAt(positions)
  const sorted = positions.toSorted((a, b) => a - b)
  const events: StoredEvent[] = []
  for await (const slice of inSlicesWithPauses(sorted, sliceSize))
    for (const event of await store.rooms.events.shownAt(slice)) events.push(event)
  return events
}

const pdusAtOnce = 500

/** The PDUs of a room's events that are on disk, in slices that leave the event loop free in between. */
export async function loadPdus(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  ids: Iterable<EventId>,
): Promise<Map<EventId, Pdu>> {
  const wanted = [...ids]
  const pdus = new Map<EventId, Pdu>()
  for await (const slice of inSlicesWithPauses(wanted, pdusAtOnce))
    for (const event of await store.rooms.events.findMany(slice))
      if (event.roomNid === room.nid) pdus.set(event.eventId, storedPdu(event, room))
  return pdus
}
