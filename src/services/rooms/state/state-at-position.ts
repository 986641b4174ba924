import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import { loadEvents } from '#services/rooms/events/load-events.ts'
import { nidOf } from '#services/rooms/read/reader-spans.ts'
import { keyOf, type Holder, type RoomLine } from '#services/rooms/live/room-line.ts'

type Needs = Pick<Context, 'store'>

/** From so many keys on it is cheaper to ask for every change of the room since. */
const manyChanged = 8

/**
 * The events that held the keys of these present holders just after a position. What has changed since is rare and
 * read from the spans; the rest the line knows.
 */
export async function stateAtPosition(
  { store, loader }: Needs & { loader: EventLoader },
  line: RoomLine,
  { position, holders }: { position: number; holders: Iterable<Holder> },
): Promise<StoredEvent[]> {
  const current: number[] = []
  const changed: Holder[] = []
  for (const holder of holders) {
    if ((holder.from ?? 0) <= position) current.push(holder.position ?? 0)
    else changed.push(holder)
  }
  const [unchanged, former] = await Promise.all([
    loader.loadAll(current),
    changed.length < manyChanged
      ? oneByOne({ store }, line, { position, changed })
      : atOnce({ store }, line, { position, changed }),
  ])
  return [...unchanged, ...former]
}

type Changed = { position: number; changed: readonly Holder[] }

async function oneByOne({ store }: Needs, line: RoomLine, { position, changed }: Changed): Promise<StoredEvent[]> {
  const former = await Promise.all(
    changed.map(({ type, stateKey }) => store.roomState.holderAt(nidOf(line), [type, stateKey], position)),
  )
  return former.filter((event) => event !== undefined)
}

async function atOnce({ store }: Needs, line: RoomLine, { position, changed }: Changed): Promise<StoredEvent[]> {
  const keys = new Set(changed.map(({ type, stateKey }) => keyOf(type, stateKey)))
  const before = await store.roomState.holdersBefore(nidOf(line), position)
  return store.events.findMany(
    before.flatMap(({ type, stateKey, eventId }) => (eventId && keys.has(keyOf(type, stateKey)) ? [eventId] : [])),
  )
}

/** All state just after a position that is wanted, also of keys that nobody holds now. */
export async function wholeStateAt(
  { store }: Needs,
  line: RoomLine,
  { position, isWanted }: { position: number; isWanted: (key: { type: string; stateKey: string }) => boolean },
): Promise<StoredEvent[]> {
  const present = new Map([...line.state].filter(([, holder]) => isWanted(holder)))
  const changed = position >= line.lastPosition ? [] : await store.roomState.holdersBefore(nidOf(line), position)
  for (const { type, stateKey } of changed) present.delete(keyOf(type, stateKey))
  const unchanged = Array.from(present.values(), (holder) => holder.position ?? 0)
  const former = changed.filter(isWanted).flatMap(({ eventId }): EventId[] => (eventId === null ? [] : [eventId]))
  const events = await loadEvents({ store }, unchanged)
  return former.length === 0 ? events : [...events, ...(await store.events.findMany(former))]
}
