import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { trimmed, type Overlay } from '#services/rooms/state/state-overlay.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { ReceiveNeeds } from './ports.ts'

/**
 * A state that another server tells, as far as its events are here and the rules allow them. Of two for one place, which
 * no honest server tells, the first stays.
 */
export async function claimedOverlay(
  { store }: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  ids: readonly EventId[],
): Promise<Overlay> {
  const overlay = new Map<StateKey, EventId | null>()
  for (const key of line.state.keys()) overlay.set(key, null)
  for (const { type, stateKey: key, eventId } of await holdersAmong(store, line, ids)) {
    const place = key === null ? undefined : stateKey(type, key)
    if (place !== undefined && !overlay.get(place)) overlay.set(place, eventId)
  }
  await nextTurn()
  return trimmed(line, overlay)
}

const sliceSize = 500

/** In the order of the ids. */
async function holdersAmong(
  store: ReceiveNeeds['store'],
  line: RoomLine,
  ids: readonly EventId[],
): Promise<StoredEvent[]> {
  const holders: StoredEvent[] = []
  for (let start = 0; start < ids.length; start += sliceSize, await nextTurn()) {
    const slice = ids.slice(start, start + sliceSize)
    const found = new Map((await store.events.findMany(slice)).map((event) => [event.eventId, event]))
    for (const id of slice) {
      const event = found.get(id)
      if (event && event.roomNid === line.nid && event.status !== 'rejected') holders.push(event)
    }
  }
  return holders
}
