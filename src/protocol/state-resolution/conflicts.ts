import type { EventId } from '../ids.ts'
import type { StateKey, StateMap } from './state-map.ts'

/** The room states to resolve, parted into what they agree on and what they do not. */
export type Conflicts = {
  unconflicted: Map<StateKey, EventId>
  /** The events that contend for each key, without the rejected. */
  conflicted: Map<StateKey, Set<EventId>>
}

type Split = {
  isRejected(id: EventId): boolean
  /** Whether a key that some states do not fill is in conflict: so since room version 2. */
  absenceConflicts: boolean
}

/** Parts the states into "unconflicted state map" and "conflicted state set" (rooms/v2, Definitions). */
export function separate(sets: readonly StateMap[], { isRejected, absenceConflicts }: Split): Conflicts {
  const disputed = disputedPlaces(sets)
  const unconflicted = new Map(sets[0])
  for (const [key, id] of unconflicted) if (disputed.has(key) || isRejected(id)) unconflicted.delete(key)
  const conflicted = new Map<StateKey, Set<EventId>>()
  for (const key of disputed) {
    const contenders = contendersFor(key, sets, isRejected)
    const [sole] = contenders
    if (sole === undefined) continue
    if (contenders.size === 1 && !absenceConflicts) unconflicted.set(key, sole)
    else conflicted.set(key, contenders)
  }
  return { unconflicted, conflicted }
}

/** The keys that not every state fills with the same event. */
function disputedPlaces([first, ...others]: readonly StateMap[]): Set<StateKey> {
  const disputed = new Set<StateKey>()
  for (const other of first === undefined ? [] : others) {
    if (other === first) continue
    let shared = 0
    for (const [key, id] of other) {
      const ours = first!.get(key)
      if (ours !== undefined) shared++
      if (ours !== id) disputed.add(key)
    }
    if (shared < first!.size) for (const key of first!.keys()) if (!other.has(key)) disputed.add(key)
  }
  return disputed
}

function contendersFor(key: StateKey, sets: readonly StateMap[], isRejected: Split['isRejected']): Set<EventId> {
  const contenders = new Set<EventId>()
  for (const set of sets) {
    const id = set.get(key)
    if (id !== undefined && !contenders.has(id) && !isRejected(id)) contenders.add(id)
  }
  return contenders
}
