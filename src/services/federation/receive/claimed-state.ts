import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'
import { trimmed, type Overlay } from '#services/rooms/state-overlay.ts'
import type { StoredEvent } from '#store/events.ts'
import type { ReceiveNeeds } from './ports.ts'

/** A state that another server tells, as far as its events are here and the rules allow them. */
export async function claimedOverlay(
  { store }: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  ids: readonly EventId[],
): Promise<Overlay> {
  const overlay = new Map<StateKey, EventId | null>()
  for (const key of line.state.keys()) overlay.set(key, null)
  for (const { type, stateKey: key, eventId } of await holdersAmong(store, line, ids))
    if (key !== null) overlay.set(stateKey(type, key), eventId)
  await nextTurn()
  return trimmed(line, overlay)
}

const sliceSize = 500

async function holdersAmong(
  store: ReceiveNeeds['store'],
  line: RoomLine,
  ids: readonly EventId[],
): Promise<StoredEvent[]> {
  const found: StoredEvent[] = []
  for (let start = 0; start < ids.length; start += sliceSize, await nextTurn())
    found.push(...(await store.events.findMany(ids.slice(start, start + sliceSize))))
  return found.filter(({ roomNid, status }) => roomNid === line.nid && status !== 'rejected')
}
