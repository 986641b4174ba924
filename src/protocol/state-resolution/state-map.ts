import type { EventId } from '../ids.ts'

/** Type and state key of a place in the room state, joined by the one character that no valid id contains. */
export type StateKey = `${string}\0${string}`

/** A room state: which event holds each place. */
export type StateMap = ReadonlyMap<StateKey, EventId>

/** The place that events of this type and state key take in a room state. */
export function stateKey(type: string, key: string): StateKey {
  return `${type}\0${key}`
}

/** The type and state key that `stateKey` joined. */
export function splitStateKey(place: StateKey): [type: string, key: string] {
  const end = place.indexOf('\0')
  return [place.slice(0, end), place.slice(end + 1)]
}
