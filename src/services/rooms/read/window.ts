import type { StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { stateKey as keyOf } from '#protocol/state-resolution/state-map.ts'

/** As much of an event as decides where it belongs. */
export type Placed = Pick<StoredEvent, 'eventId' | 'position' | 'type' | 'stateKey'>

export const keyOfEvent = ({ type, stateKey }: Pick<Placed, 'type' | 'stateKey'>): StateKey | undefined =>
  stateKey === null ? undefined : keyOf(type, stateKey)

/**
 * The part of a timeline (oldest first) that a client may take its state from: nothing up to the newest event that is
 * the last one shown of its state key though another event holds the key at the end. What hid that other event
 * (visibility, a filter, branches that met) would otherwise leave the client with the older value.
 */
export function afterStale<Event extends Placed>(
  shown: readonly Event[],
  holdsAtEnd: (event: Event) => boolean,
): readonly Event[] {
  const met = new Set<StateKey>()
  for (let index = shown.length - 1; index >= 0; index--) {
    const event = shown[index] as Event
    const key = keyOfEvent(event)
    if (key === undefined || met.has(key)) continue
    met.add(key)
    if (!holdsAtEnd(event)) return shown.slice(index + 1)
  }
  return shown
}

/** The first event of each state key in a timeline, oldest first. */
export function firstOfKeys<Event extends Placed>(shown: readonly Event[]): Map<StateKey, Event> {
  const first = new Map<StateKey, Event>()
  for (const event of shown) {
    const key = keyOfEvent(event)
    if (key !== undefined && !first.has(key)) first.set(key, event)
  }
  return first
}
