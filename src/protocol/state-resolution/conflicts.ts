import type { EventId } from '../ids.ts'
import type { StateKey, StateMap } from './state-map.ts'

/** The room states to resolve, parted into what they agree on and what they do not. */
export type Conflicts = {
  unconflicted: Map<StateKey, EventId>
  /** The events that contend for each place, without the rejected. */
  conflicted: Map<StateKey, Set<EventId>>
}

type Split = {
  isRejected(id: EventId): boolean
  /** Whether a place that some states do not fill is in conflict: so since room version 2. */
  absenceConflicts: boolean
}

/** Parts the states into "unconflicted state map" and "conflicted state set" (rooms/v2, Definitions). */
export function separate(sets: readonly StateMap[], { isRejected, absenceConflicts }: Split): Conflicts {
  const disputed = disputedPlaces(sets)
  const unconflicted = new Map(sets[0])
  for (const [place, id] of unconflicted) if (disputed.has(place) || isRejected(id)) unconflicted.delete(place)
  const conflicted = new Map<StateKey, Set<EventId>>()
  for (const place of disputed) {
    const contenders = contendersFor(place, sets, isRejected)
    const [sole] = contenders
    if (sole === undefined) continue
    if (contenders.size === 1 && !absenceConflicts) unconflicted.set(place, sole)
    else conflicted.set(place, contenders)
  }
  return { unconflicted, conflicted }
}

/** The places that not every state fills with the same event. */
function disputedPlaces([first, ...others]: readonly StateMap[]): Set<StateKey> {
  const disputed = new Set<StateKey>()
  for (const other of first === undefined ? [] : others) {
    if (other === first) continue
    let shared = 0
    for (const [place, id] of other) {
      const ours = first!.get(place)
      if (ours !== undefined) shared++
      if (ours !== id) disputed.add(place)
    }
    if (shared < first!.size) for (const place of first!.keys()) if (!other.has(place)) disputed.add(place)
  }
  return disputed
}

function contendersFor(place: StateKey, sets: readonly StateMap[], isRejected: Split['isRejected']): Set<EventId> {
  const contenders = new Set<EventId>()
  for (const set of sets) {
    const id = set.get(place)
    if (id !== undefined && !contenders.has(id) && !isRejected(id)) contenders.add(id)
  }
  return contenders
}
