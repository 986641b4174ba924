import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import { loadEvents } from '#services/rooms/events/load-events.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntry } from '#services/rooms/live/state-entry.ts'
import { stateKey as keyOf } from '#protocol/state-resolution/state-map.ts'

type Needs = Pick<Context, 'store'>

/** From so many keys on it is cheaper to ask for every change of the room since. */
const manyChanged = 8

/**
 * The events that held the keys of these current entries just after a position. What has changed since is rare and
 * read from the state intervals; the rest is in memory.
 */
export async function stateAtPosition(
  { store, loader }: Needs & { loader: EventLoader },
  room: LiveRoom,
  { position, entries }: { position: number; entries: Iterable<StateEntry> },
): Promise<StoredEvent[]> {
  const current: number[] = []
  const changed: StateEntry[] = []
  for (const entry of entries) {
    if ((entry.from ?? 0) <= position) current.push(entry.position ?? 0)
    else changed.push(entry)
  }
  const [unchanged, replaced] = await Promise.all([
    loader.loadAll(current),
    changed.length < manyChanged
      ? oneByOne({ store }, room, { position, changed })
      : atOnce({ store }, room, { position, changed }),
  ])
  return [...unchanged, ...replaced]
}

type Changed = { position: number; changed: readonly StateEntry[] }

async function oneByOne({ store }: Needs, room: LiveRoom, { position, changed }: Changed): Promise<StoredEvent[]> {
  const replaced = await Promise.all(
    changed.map(({ type, stateKey }) => store.rooms.state.eventAt(nidOf(room), [type, stateKey], position)),
  )
  return replaced.filter((event) => event !== undefined)
}

async function atOnce({ store }: Needs, room: LiveRoom, { position, changed }: Changed): Promise<StoredEvent[]> {
  const keys = new Set(changed.map(({ type, stateKey }) => keyOf(type, stateKey)))
  const before = await store.rooms.state.entriesBefore(nidOf(room), position)
  return store.rooms.events.findMany(
    before.flatMap(({ type, stateKey, eventId }) => (eventId && keys.has(keyOf(type, stateKey)) ? [eventId] : [])),
  )
}

/** All state just after a position that is wanted, also of keys that no event holds now. */
export async function wholeStateAt(
  { store }: Needs,
  room: LiveRoom,
  { position, isWanted }: { position: number; isWanted: (key: { type: string; stateKey: string }) => boolean },
): Promise<StoredEvent[]> {
  const present = new Map([...room.state].filter(([, entry]) => isWanted(entry)))
  const changed = position >= room.lastPosition ? [] : await store.rooms.state.entriesBefore(nidOf(room), position)
  for (const { type, stateKey } of changed) present.delete(keyOf(type, stateKey))
  const unchanged = Array.from(present.values(), (entry) => entry.position ?? 0)
  const replaced = changed.filter(isWanted).flatMap(({ eventId }): EventId[] => (eventId === null ? [] : [eventId]))
  const events = await loadEvents({ store }, unchanged)
  return replaced.length === 0 ? events : [...events, ...(await store.rooms.events.findMany(replaced))]
}
