import type { EventId } from '../ids.ts'
import type { KnownEvents } from './known-events.ts'

/**
 * The events on the paths along auth events between any two conflicted events, ends included
 * (rooms/v12, Definitions, "Conflicted state subgraph").
 */
export function conflictedSubgraph(events: KnownEvents, conflicted: ReadonlySet<EventId>): Set<EventId> {
  const dependents = dependentsBelow(events, conflicted)
  const subgraph = new Set(conflicted)
  // A set visits what is added to it under way, each once.
  for (const id of subgraph) for (const dependent of dependents.get(id) ?? []) subgraph.add(dependent)
  return subgraph
}

/** For all that the conflicted events rest on: which of them, or of what they rest on, cite it. */
function dependentsBelow(events: KnownEvents, conflicted: ReadonlySet<EventId>): Map<EventId, EventId[]> {
  const dependents = new Map<EventId, EventId[]>()
  const reached = new Set(conflicted)
  for (const id of reached) {
    for (const auth of events.authIds(id)) {
      const citing = dependents.get(auth)
      if (citing === undefined) dependents.set(auth, [id])
      else citing.push(id)
      reached.add(auth)
    }
  }
  return dependents
}
