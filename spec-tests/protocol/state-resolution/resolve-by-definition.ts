import { authorize } from '#protocol/auth-rules/authorize.ts'
import { authEventIds, membershipOf, type Pdu } from '#protocol/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/room-version.ts'
import { KnownEvents } from '#protocol/state-resolution/known-events.ts'
import { senderPower } from '#protocol/state-resolution/sender-power.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'

export type Room = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu>; rejected: ReadonlySet<EventId> }

/**
 * State resolution of room versions 2 to 12 as the specification defines it, word by word and without regard to cost:
 * whole auth chains for every state, orderings by repeated search for the least. To hold the real one against.
 */
export function resolveByDefinition(room: Room, states: readonly StateMap[]): StateMap {
  const { version, events, rejected } = room
  const isV12 = version.stateResolution === 'v2.1'
  const sets = states.map((set) => new Map([...set].filter(([, id]) => !rejected.has(id))))
  const chains = new Map<EventId, Set<EventId>>()
  const sameIn = (place: StateKey) => sets.every((set) => set.get(place) === sets[0]!.get(place))
  const places = new Set(sets.flatMap((set) => [...set.keys()]))
  const unconflicted = new Map([...places].filter(sameIn).map((place) => [place, sets[0]!.get(place)!]))
  const conflictedPlaces = [...places].filter((place) => !sameIn(place))
  const conflicted = new Set(conflictedPlaces.flatMap((place) => sets.flatMap((set) => set.get(place) ?? [])))
  if (conflicted.size === 0) return unconflicted

  const full = new Set([...conflicted, ...difference(), ...(isV12 ? subgraph() : [])])
  const powerEvents = [...full].filter((id) => isPowerEvent(events.get(id)!))
  const chosen = new Set(powerEvents.flatMap((id) => [id, ...[...chainWithin(id)].filter((auth) => full.has(auth))]))
  const first = applied(isV12 ? new Map() : unconflicted, topological(chosen))
  const remaining = [...full].filter((id) => !chosen.has(id))
  const second = applied(first, byMainline(remaining, first.get(stateKey('m.room.power_levels', ''))))
  return new Map([...second, ...unconflicted])

  function authOf(id: EventId): EventId[] {
    const event = events.get(id)!
    const implied: EventId[] = isV12 && event.room_id ? [`$${event.room_id.slice(1)}`] : []
    return [...implied, ...authEventIds(event, version)].filter((auth) => !rejected.has(auth))
  }

  function chainOf(id: EventId): Set<EventId> {
    const known = chains.get(id)
    if (known !== undefined) return known
    const chain = new Set<EventId>()
    for (const auth of authOf(id)) for (const each of [auth, ...chainOf(auth)]) chain.add(each)
    chains.set(id, chain)
    return chain
  }

  /** Counting the events of each state in its chain, as servers do. */
  function difference(): EventId[] {
    const full = sets.map((set) => new Set([...set.values()].flatMap((id) => [id, ...chainOf(id)])))
    const union = new Set(full.flatMap((chain) => [...chain]))
    return [...union].filter((id) => !full.every((chain) => chain.has(id)))
  }

  function subgraph(): EventId[] {
    const ends = [...conflicted]
    const reachable = new Set(ends.flatMap((id) => [id, ...chainOf(id)]))
    return [...reachable].filter((id) => conflicted.has(id) || ends.some((end) => chainOf(id).has(end)))
  }

  /** From room version 12 the whole chain, as the text says; before, what is reached inside the full conflicted set. */
  function chainWithin(id: EventId): Set<EventId> {
    if (isV12) return chainOf(id)
    const within = new Set<EventId>()
    const walk = (from: EventId): void =>
      authOf(from)
        .filter((auth) => full.has(auth) && !within.has(auth))
        .forEach((auth) => walk(within.add(auth) && auth))
    walk(id)
    return within
  }

  function topological(ids: ReadonlySet<EventId>): EventId[] {
    const known = new KnownEvents(version, { event: (id) => events.get(id), isRejected: (id) => rejected.has(id) })
    const relation = (id: EventId) => [-senderPower(known, id), events.get(id)!.origin_server_ts, id] as const
    const left = new Set(ids)
    const order: EventId[] = []
    while (left.size > 0) {
      const candidates = [...left].filter((id) => ![...chainWithin(id)].some((auth) => left.has(auth)))
      const least = candidates.reduce((x, y) => (isLess(relation(x), relation(y)) ? x : y))
      order.push(least)
      left.delete(least)
    }
    return order
  }

  function powerLevelsOf(id: EventId): EventId | undefined {
    return authOf(id).find((auth) => {
      const { type, state_key: key } = events.get(auth)!
      return type === 'm.room.power_levels' && key === ''
    })
  }

  function powerLevelsFrom(id: EventId | undefined): EventId[] {
    return id === undefined ? [] : [id, ...powerLevelsFrom(powerLevelsOf(id))]
  }

  function byMainline(ids: EventId[], head: EventId | undefined): EventId[] {
    const mainline = powerLevelsFrom(head)
    const relation = (id: EventId) => {
      const nearest = powerLevelsFrom(powerLevelsOf(id)).find((each) => mainline.includes(each))
      const position = nearest === undefined ? Infinity : mainline.indexOf(nearest)
      return [-position, events.get(id)!.origin_server_ts, id] as const
    }
    return ids.sort((x, y) => (isLess(relation(x), relation(y)) ? -1 : 1))
  }

  function applied(start: StateMap, order: EventId[]): Map<StateKey, EventId> {
    const state = new Map(start)
    for (const id of order) {
      const event = events.get(id)!
      const allowed = authorize(event, version, (type, key) => {
        const holder = state.get(stateKey(type, key)) ?? citedFor(id, type, key)
        return holder === undefined ? undefined : events.get(holder)
      })
      if (allowed === undefined) state.set(stateKey(event.type, event.state_key!), id)
    }
    return state
  }

  function citedFor(id: EventId, type: string, key: string): EventId | undefined {
    return authOf(id).find((auth) => events.get(auth)!.type === type && events.get(auth)!.state_key === key)
  }
}

const powerTypes = ['m.room.power_levels', 'm.room.join_rules']

function isPowerEvent(event: Pdu): boolean {
  const removes = ['leave', 'ban'].includes(membershipOf(event) ?? '') && event.sender !== event.state_key
  return event.type === 'm.room.member' ? removes : powerTypes.includes(event.type) && event.state_key === ''
}

type Relation = readonly [number, number, string]

function isLess(x: Relation, y: Relation): boolean {
  const differing = x.findIndex((value, index) => value !== y[index])
  return differing !== -1 && x[differing]! < y[differing]!
}
