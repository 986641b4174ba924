import { byCodePoint } from '#protocol/json/canonical-json.ts'
import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '../ids.ts'
import { Heap } from './heap.ts'
import type { KnownEvents } from './known-events.ts'
import { senderPower } from './sender-power.ts'

type Ranked = { id: EventId; power: number; sentAt: number }

/**
 * Whether the event might take away the ability of a user (rooms/v2, Definitions, "Power events").
 *
 * NOTSPEC: power levels and join rules count only under the empty state key. The definition is silent about others,
 * no rule ever reads them, and a room must resolve alike on all its servers.
 */
export function isPowerEvent(event: Pdu): boolean {
  if (event.type === 'm.room.power_levels' || event.type === 'm.room.join_rules') return event.state_key === ''
  if (event.type !== 'm.room.member' || event.state_key === event.sender) return false
  const membership = membershipOf(event)
  return event.state_key !== undefined && (membership === 'leave' || membership === 'ban')
}

/**
 * The power events of the full conflicted set, with what of the set they rest on, in "reverse topological power
 * ordering" (rooms/v2, Definitions and step 1 of the algorithm): Kahn's algorithm, always taking the smallest event
 * whose auth events have all been taken.
 */
export function powerOrder(events: KnownEvents, fullConflictedSet: ReadonlySet<EventId>): EventId[] {
  const graph = powerGraph(events, fullConflictedSet)
  const dependents = new Map<EventId, EventId[]>()
  const waitingFor = new Map<EventId, number>()
  const ready = new Heap<Ranked>(precedes)
  for (const [id, rests] of graph) {
    waitingFor.set(id, rests.length)
    if (rests.length === 0) ready.push(rank(events, id))
    for (const auth of rests) {
      const citing = dependents.get(auth)
      if (citing === undefined) dependents.set(auth, [id])
      else citing.push(id)
    }
  }
  const order: EventId[] = []
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    order.push(next.id)
    for (const dependent of dependents.get(next.id) ?? []) {
      const waiting = waitingFor.get(dependent)! - 1
      waitingFor.set(dependent, waiting)
      if (waiting === 0) ready.push(rank(events, dependent))
    }
  }
  return order
}

/**
 * The set *X* of step 1 and, for each of its events, those it cites directly.
 *
 * NOTSPEC: step 1 takes what is "in the auth chain of P" and in the set; we follow the chain only while it stays in the
 * set. Before room version 12 a path may leave the set and come back, but there the servers in use do as we do, and a
 * room must resolve alike on all of them. The conflicted subgraph of room version 12 closes these gaps.
 */
function powerGraph(events: KnownEvents, fullConflictedSet: ReadonlySet<EventId>): Map<EventId, EventId[]> {
  const graph = new Map<EventId, EventId[]>()
  const pending: EventId[] = []
  for (const id of fullConflictedSet) {
    const event = events.get(id)
    if (event !== undefined && isPowerEvent(event)) pending.push(id)
  }
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (graph.has(id)) continue
    const cited = [...new Set(events.authIds(id))].filter((auth) => fullConflictedSet.has(auth))
    graph.set(id, cited)
    pending.push(...cited)
  }
  return graph
}

function rank(events: KnownEvents, id: EventId): Ranked {
  return { id, power: senderPower(events, id), sentAt: events.get(id)?.origin_server_ts ?? 0 }
}

function precedes(x: Ranked, y: Ranked): boolean {
  if (x.power !== y.power) return x.power > y.power
  if (x.sentAt !== y.sentAt) return x.sentAt < y.sentAt
  return byCodePoint(x.id, y.id) < 0
}
