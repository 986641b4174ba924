import type { EventId } from '../ids.ts'
import type { Conflicts } from './conflicts.ts'
import type { KnownEvents } from './known-events.ts'
import type { StateMap } from './state-map.ts'

const nothing: ReadonlySet<EventId> = new Set()

/**
 * The events in the full auth chain of some of the states but not of all (rooms/v2, Definitions, "Auth difference").
 *
 * NOTSPEC: as in the servers in use, the full auth chain of a state counts the state's own events. By the letter an
 * event that all states agree on would be in conflict as soon as other events of only some states rest on it.
 *
 * What the unconflicted state rests on is in every chain, so it is walked once and bounds the walk of each state;
 * the work is the size of the common chain plus, for each state, of what only conflicts reach.
 */
export function authDifference(
  events: KnownEvents,
  sets: readonly StateMap[],
  { unconflicted, conflicted }: Conflicts,
): Set<EventId> {
  const shared = fullAuthChain(events, unconflicted.values(), nothing)
  const reaching = new Map<EventId, number>()
  for (const set of sets) {
    const starts: EventId[] = []
    for (const [key, contenders] of conflicted) {
      const id = set.get(key)
      if (id !== undefined && contenders.has(id)) starts.push(id)
    }
    for (const id of fullAuthChain(events, starts, shared)) reaching.set(id, (reaching.get(id) ?? 0) + 1)
  }
  const difference = new Set<EventId>()
  for (const [id, count] of reaching) if (count < sets.length) difference.add(id)
  return difference
}

/** The events and all that they rest on, leaving out `beyond`, which must be a full auth chain itself. */
function fullAuthChain(events: KnownEvents, starts: Iterable<EventId>, beyond: ReadonlySet<EventId>): Set<EventId> {
  const chain = new Set<EventId>()
  for (const id of starts) if (!beyond.has(id)) chain.add(id)
  // A set visits what is added to it under way, each once.
  for (const id of chain) for (const auth of events.authIds(id)) if (!beyond.has(auth)) chain.add(auth)
  return chain
}
