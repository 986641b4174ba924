import type { EventId } from '../ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { KnownEvents, type EventLookup } from './known-events.ts'
import type { StateMap } from './state-map.ts'
import { resolveV1 } from './v1.ts'
import { resolveV2, type IndexedSets } from './v2.ts'

export type ResolutionInput = EventLookup &
  IndexedSets & {
    version: RoomVersion
    /** The states after each of the events that come before. */
    sets: readonly StateMap[]
  }

/** The resolved state, or the events to load before it can be computed. */
export type Resolution = { state: StateMap; missing?: never } | { missing: EventId[]; state?: never }

/**
 * The state that follows from several, by the algorithm of the room's version: rooms/v1, v2 and v12.
 *
 * The result does not depend on the order of the states. Rejected events never influence it. Auth chains that were
 * loaded, or left to `authEventsOf` and the indexed sets, spare the caller one round per step along a chain.
 */
export function resolveState(input: ResolutionInput): Resolution {
  const { version, sets } = input
  const events = new KnownEvents(version, input)
  const state = version.stateResolution === 'v1' ? resolveV1(events, sets) : resolveV2(events, sets, input)
  return events.missing.size > 0 ? { missing: [...events.missing] } : { state }
}
