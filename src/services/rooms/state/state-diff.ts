import type { EventId } from '#protocol/ids.ts'
import { splitStateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { BranchDelta } from '#store/rooms/event-branches.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** A state as what differs from another; null: no event holds the key. */
export type StateDelta = ReadonlyMap<StateKey, EventId | null>

/** A state as what differs from the room's current committed state. */
export type StateDiff = StateDelta

/** Which event holds the key in the state. */
export function entryIn(room: LiveRoom, diff: StateDiff, key: StateKey): EventId | undefined {
  const laid = diff.get(key)
  return laid === undefined ? room.state.get(key)?.eventId : (laid ?? undefined)
}

/** Leaves out what is as in the current state. */
export function trimmed(room: LiveRoom, diff: StateDiff): StateDiff {
  const kept = new Map(diff)
  for (const [key, id] of diff) if ((room.state.get(key)?.eventId ?? null) === id) kept.delete(key)
  return kept
}

/** What turns one state into another. */
export function differenceOf(room: LiveRoom, from: StateDiff, to: StateDiff): StateDelta {
  const difference = new Map<StateKey, EventId | null>()
  for (const diff of [from, to])
    for (const key of diff.keys()) {
      const id = entryIn(room, to, key)
      if (entryIn(room, from, key) !== id) difference.set(key, id ?? null)
    }
  return difference
}

/** Every key of the state with its event; use it where all of them are wanted. */
export function* entriesOf(room: LiveRoom, diff: StateDiff): Generator<[StateKey, EventId]> {
  for (const [key, { eventId }] of room.state) if (!diff.has(key)) yield [key, eventId]
  for (const [key, id] of diff) if (id !== null) yield [key, id]
}

/** As it is stored. */
export const toBranchDelta = (delta: StateDelta): BranchDelta =>
  [...delta].map(([key, id]) => [...splitStateKey(key), id] as const)
