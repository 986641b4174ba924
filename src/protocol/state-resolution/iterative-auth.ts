import { authorize } from '../auth-rules/authorize.ts'
import type { EventId } from '../ids.ts'
import type { KnownEvents } from './known-events.ts'
import { stateKey, type StateKey, type StateMap } from './state-map.ts'

/** A state under construction: what has been resolved so far, over the state it started from. */
export type PartialState = { base: StateMap; resolved: Map<StateKey, EventId> }

/**
 * Applies, in order, those of the events that the state so far allows (rooms/v2, Definitions, "Iterative auth
 * checks"). A key that the state lacks is read from the event's own auth events.
 */
export function applyAllowed(events: KnownEvents, order: readonly EventId[], state: PartialState): void {
  for (const id of order) {
    const event = events.get(id)
    if (event?.state_key === undefined) continue
    const rejection = authorize(event, events.version, (type, key) => {
      const entry = resolvedEntry(state, stateKey(type, key)) ?? events.authIdFor(id, type, key)
      return entry === undefined ? undefined : events.get(entry)
    })
    if (rejection === undefined) state.resolved.set(stateKey(event.type, event.state_key), id)
  }
}

/** The event that holds the key in the state so far. */
export function resolvedEntry({ base, resolved }: PartialState, key: StateKey): EventId | undefined {
  return resolved.get(key) ?? base.get(key)
}
