import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import type { StateKey, StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Positions } from './state-journal.ts'
import type { Subject } from './subject.ts'

/** Resolves states that are given by positions. */
export async function resolvePositions(subject: Subject, sets: readonly Positions[]): Promise<Positions> {
  const [first, ...others] = sets
  if (!first || others.every((other) => isSameState(first, other))) return first ?? new Map()
  const positions = [...new Set(sets.flatMap((set) => [...set.values()]))]
  const ids = await subject.store.rooms.check.idsAt(positions)
  const states = sets.map((set) => statesOf(set, ids))
  const resolved = await resolve(subject, states)
  const byId = new Map([...ids].map(([position, id]) => [id, position]))
  const strangers = [...resolved.values()].filter((id) => !byId.has(id))
  for (const [id, position] of await subject.store.rooms.check.positionsOf(strangers)) byId.set(id, position)
  return new Map([...resolved].map(([key, id]) => [key, byId.get(id) ?? 0]))
}

export const isSameState = (one: Positions, other: Positions): boolean =>
  one.size === other.size && [...one].every(([key, entry]) => other.get(key) === entry)

const statesOf = (set: Positions, ids: ReadonlyMap<number, EventId>): StateMap =>
  new Map(
    [...set].flatMap(([key, position]): [StateKey, EventId][] => {
      const id = ids.get(position)
      return id === undefined ? [] : [[key, id]]
    }),
  )

async function resolve({ events, version }: Subject, sets: readonly StateMap[]): Promise<StateMap> {
  const known = new Map<EventId, Pdu>()
  const rejected = new Set<EventId>()
  for (;;) {
    const { state, missing } = resolveState({
      version,
      sets,
      event: (id) => known.get(id),
      isRejected: (id) => rejected.has(id),
    })
    if (state) return state
    const found = await events.find(missing)
    for (const { event, pdu } of found)
      if (event.status === 'rejected') rejected.add(event.eventId)
      else known.set(event.eventId, pdu)
    // What is nowhere to be had cannot count.
    for (const id of missing) if (!known.has(id)) rejected.add(id)
  }
}
