import type { EventId } from '#protocol/ids.ts'
import { splitStateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { BranchDelta } from '#store/rooms/event-branches.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** A state as what differs from another; null: nobody holds the key. */
export type StateDelta = ReadonlyMap<StateKey, EventId | null>

/** A state as what differs from the present committed state of the room's line. */
export type Overlay = StateDelta

/** Who holds the key in the state. */
export function holderIn(line: RoomLine, overlay: Overlay, key: StateKey): EventId | undefined {
  const laid = overlay.get(key)
  return laid === undefined ? line.state.get(key)?.eventId : (laid ?? undefined)
}

/** Leaves out what is as on the line. */
export function trimmed(line: RoomLine, overlay: Overlay): Overlay {
  const kept = new Map(overlay)
  for (const [key, id] of overlay) if ((line.state.get(key)?.eventId ?? null) === id) kept.delete(key)
  return kept
}

/** What turns one state into another. */
export function differenceOf(line: RoomLine, from: Overlay, to: Overlay): StateDelta {
  const difference = new Map<StateKey, EventId | null>()
  for (const overlay of [from, to])
    for (const key of overlay.keys()) {
      const id = holderIn(line, to, key)
      if (holderIn(line, from, key) !== id) difference.set(key, id ?? null)
    }
  return difference
}

/** Every place of the state with its holder; use it where all of them are wanted. */
export function* entriesOf(line: RoomLine, overlay: Overlay): Generator<[StateKey, EventId]> {
  for (const [key, { eventId }] of line.state) if (!overlay.has(key)) yield [key, eventId]
  for (const [key, id] of overlay) if (id !== null) yield [key, id]
}

/** As it is stored. */
export const toBranchDelta = (delta: StateDelta): BranchDelta =>
  [...delta].map(([key, id]) => [...splitStateKey(key), id] as const)
