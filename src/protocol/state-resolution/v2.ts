import type { EventId } from '../ids.ts'
import { authDifference } from './auth-difference.ts'
import { conflictedSubgraph } from './conflicted-subgraph.ts'
import { separate, type Conflicts } from './conflicts.ts'
import { applyAllowed, resolvedEntry, type PartialState } from './iterative-auth.ts'
import type { KnownEvents } from './known-events.ts'
import { mainlineOrder } from './mainline.ts'
import { powerOrder } from './power-order.ts'
import { stateKey, type StateMap } from './state-map.ts'

/** Sets that an index over auth chains can give, so that they need not be walked here. */
export type IndexedSets = {
  /** The auth difference of the states. */
  authDifference?: ReadonlySet<EventId>
  /** The conflicted state subgraph, of use from room version 12. */
  conflictedSubgraph?: ReadonlySet<EventId>
}

const nothing: StateMap = new Map()

/** Room versions 2 to 11, and 12 with its empty start and conflicted subgraph: rooms/v2 and rooms/v12, "Algorithm". */
export function resolveV2(events: KnownEvents, sets: readonly StateMap[], indexed: IndexedSets): StateMap {
  const isRejected = (id: EventId) => events.isRejected(id)
  const conflicts = separate(sets, { isRejected, absenceConflicts: true })
  const { unconflicted, conflicted } = conflicts
  if (conflicted.size === 0) return unconflicted

  const full = fullConflictedSet(events, sets, { ...indexed, conflicts })
  const state: PartialState = {
    base: events.version.stateResolution === 'v2.1' ? nothing : unconflicted,
    resolved: new Map(),
  }
  // Steps 1 and 2.
  const powerEvents = powerOrder(events, full)
  applyAllowed(events, powerEvents, state)
  // Steps 3 and 4.
  const taken = new Set(powerEvents)
  const remaining = [...full].filter((id) => !taken.has(id))
  const powerLevels = resolvedEntry(state, stateKey('m.room.power_levels', ''))
  applyAllowed(events, mainlineOrder(events, remaining, powerLevels), state)
  // Step 5.
  for (const [key, id] of state.resolved) if (!unconflicted.has(key)) unconflicted.set(key, id)
  return unconflicted
}

/** "Full conflicted set" of the definitions. */
function fullConflictedSet(
  events: KnownEvents,
  sets: readonly StateMap[],
  indexed: IndexedSets & { conflicts: Conflicts },
): Set<EventId> {
  const full = new Set<EventId>()
  for (const contenders of indexed.conflicts.conflicted.values()) for (const id of contenders) full.add(id)
  const difference = indexed.authDifference ?? authDifference(events, sets, indexed.conflicts)
  const between =
    events.version.stateResolution === 'v2.1' ? (indexed.conflictedSubgraph ?? conflictedSubgraph(events, full)) : []
  for (const added of [difference, between]) for (const id of added) if (!events.isRejected(id)) full.add(id)
  return full
}
