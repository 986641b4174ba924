import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { trimmed, type StateDiff } from '#services/rooms/state/state-diff.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { ReceiveNeeds } from './ports.ts'

/**
 * A state that another server tells, as far as its events are here and the rules allow them. Of two for one place, which
 * no honest server tells, the first stays.
 */
export async function claimedStateDiff(
  { store }: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<StateDiff> {
  const diff = new Map<StateKey, EventId | null>()
  for (const key of room.state.keys()) diff.set(key, null)
  for (const { type, stateKey: key, eventId } of await holdersAmong(store, room, ids)) {
    const place = key === null ? undefined : stateKey(type, key)
    if (place !== undefined && !diff.get(place)) diff.set(place, eventId)
  }
  await nextTurn()
  return trimmed(room, diff)
}

const sliceSize = 500

/** In the order of the ids. */
async function holdersAmong(
  store: ReceiveNeeds['store'],
  room: LiveRoom,
  ids: readonly EventId[],
): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = []
  for (let start = 0; start < ids.length; start += sliceSize, await nextTurn()) {
    const slice = ids.slice(start, start + sliceSize)
    const found = new Map((await store.rooms.events.findMany(slice)).map((event) => [event.eventId, event]))
    for (const id of slice) {
      const event = found.get(id)
      if (event && event.roomNid === room.nid && event.status !== 'rejected') entries.push(event)
    }
  }
  return entries
}
