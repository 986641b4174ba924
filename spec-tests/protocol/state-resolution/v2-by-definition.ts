import { authorize } from '#protocol/auth-rules/authorize.ts'
import { authEventIds, membershipOf, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { KnownEvents } from '#protocol/state-resolution/known-events.ts'
import { senderPower } from '#protocol/state-resolution/sender-power.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Deviation } from './deviations.ts'

type Room = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu>; rejected: ReadonlySet<EventId> }

type Ids = ReadonlySet<EventId>

/**
 * State resolution of room versions 2 to 12 as the specification defines it, word by word and without regard to cost:
 * whole auth chains for every state, orderings by repeated search for the least. To hold the real one against.
 */
export class V2Definition {
  readonly #room: Room
  readonly #isV12: boolean
  readonly #auth = new Map<EventId, readonly EventId[]>()
  readonly #chains = new Map<EventId, Ids>()

  constructor(room: Room) {
    this.#room = room
    this.#isV12 = room.version.stateResolution === 'v2.1'
  }

  resolve(states: readonly StateMap[], deviation?: Deviation): StateMap {
    const { rejected } = this.#room
    const sets = states.map((set) => new Map([...set].filter(([, id]) => !rejected.has(id))))
    const sameIn = (place: StateKey) => sets.every((set) => set.get(place) === sets[0]!.get(place))
    const places = new Set(sets.flatMap((set) => [...set.keys()]))
    const unconflicted = new Map([...places].filter(sameIn).map((place) => [place, sets[0]!.get(place)!]))
    const conflictedPlaces = [...places].filter((place) => !sameIn(place))
    const conflicted = new Set(conflictedPlaces.flatMap((place) => sets.flatMap((set) => set.get(place) ?? [])))
    if (conflicted.size === 0) return unconflicted

    const between = this.#isV12 && deviation !== 'subgraph' ? this.#subgraph(conflicted) : []
    const full = new Set([...conflicted, ...this.#difference(sets, deviation !== 'own events'), ...between])
    const start = this.#isV12 && deviation !== 'start' ? new Map<StateKey, EventId>() : unconflicted
    const chosen = this.#chosen(full, this.#isV12 || deviation === 'step 1')
    const first = this.#applied(start, this.#topological(chosen, deviation))
    const remaining = [...full].filter((id) => !chosen.has(id))
    const forwardExtremity = first.get(stateKey('m.room.power_levels', ''))
    const second = this.#applied(first, this.#byMainline(remaining, { forwardExtremity, deviation }))
    return new Map([...second, ...unconflicted])
  }

  #authOf(id: EventId): readonly EventId[] {
    const known = this.#auth.get(id)
    if (known !== undefined) return known
    const { version, events, rejected } = this.#room
    const event = events.get(id)!
    const implied: EventId[] = this.#isV12 && event.room_id ? [`$${event.room_id.slice(1)}`] : []
    const auth = [...implied, ...authEventIds(event, version)].filter((each) => !rejected.has(each))
    this.#auth.set(id, auth)
    return auth
  }

  #chainOf(id: EventId): Ids {
    const known = this.#chains.get(id)
    if (known !== undefined) return known
    const chain = new Set<EventId>()
    for (const auth of this.#authOf(id)) {
      chain.add(auth)
      for (const each of this.#chainOf(auth)) chain.add(each)
    }
    this.#chains.set(id, chain)
    return chain
  }

  /** Servers in use count the events of each state in its chain. */
  #difference(sets: readonly StateMap[], countsOwn: boolean): EventId[] {
    const full = sets.map((set) => {
      const chain = new Set(countsOwn ? set.values() : [])
      for (const id of set.values()) for (const each of this.#chainOf(id)) chain.add(each)
      return chain
    })
    const union = full.reduce((all, chain) => all.union(chain))
    const shared = full.reduce((common, chain) => common.intersection(chain))
    return [...union.difference(shared)]
  }

  #subgraph(conflicted: Ids): EventId[] {
    const ends = [...conflicted]
    const reachable = new Set(ends.flatMap((id) => [id, ...this.#chainOf(id)]))
    return [...reachable].filter((id) => conflicted.has(id) || !this.#chainOf(id).isDisjointFrom(conflicted))
  }

  /** The set *X* of step 1, and for each of its events what of the set is in its auth chain. */
  #chosen(full: Ids, goesBeyond: boolean): Map<EventId, Ids> {
    const { events } = this.#room
    const chosen = new Map<EventId, Ids>()
    const within = (id: EventId) => (goesBeyond ? this.#chainOf(id).intersection(full) : this.#chainInside(id, full))
    const choose = (id: EventId) => {
      if (!chosen.has(id)) chosen.set(id, within(id))
      return chosen.get(id)!
    }
    for (const id of full) if (isPowerEvent(events.get(id)!)) for (const auth of choose(id)) choose(auth)
    return chosen
  }

  /** What is reached along auth events without leaving the set, as servers in use have it before room version 12. */
  #chainInside(id: EventId, full: Ids): Ids {
    const inside = new Set<EventId>()
    const pending = [id]
    for (const each of pending)
      for (const auth of this.#authOf(each))
        if (full.has(auth) && !inside.has(auth)) {
          inside.add(auth)
          pending.push(auth)
        }
    return inside
  }

  #topological(chosen: ReadonlyMap<EventId, Ids>, deviation: Deviation | undefined): EventId[] {
    const { version, events, rejected } = this.#room
    const known = new KnownEvents(version, { event: (id) => events.get(id), isRejected: (id) => rejected.has(id) })
    const sign = (name: Deviation) => (deviation === name ? -1 : 1)
    const signs = [sign('power'), sign('power time'), sign('power id')]
    const ranks = new Map<EventId, Rank>()
    for (const id of chosen.keys()) ranks.set(id, [-senderPower(known, id), events.get(id)!.origin_server_ts, id])
    const left = new Set(chosen.keys())
    const order: EventId[] = []
    while (left.size > 0) {
      const candidates = [...left].filter((id) => chosen.get(id)!.isDisjointFrom(left))
      const least = candidates.reduce((x, y) => (isLess(ranks.get(x)!, ranks.get(y)!, signs) ? x : y))
      order.push(least)
      left.delete(least)
    }
    return order
  }

  #powerLevelsOf(id: EventId): EventId | undefined {
    return this.#citedFor(id, 'm.room.power_levels', '')
  }

  #powerLevelsFrom(forwardExtremity: EventId | undefined): EventId[] {
    const line: EventId[] = []
    for (let id = forwardExtremity; id !== undefined; id = this.#powerLevelsOf(id)) line.push(id)
    return line
  }

  #byMainline(
    ids: readonly EventId[],
    { forwardExtremity, deviation }: { forwardExtremity: EventId | undefined; deviation: Deviation | undefined },
  ): EventId[] {
    const mainline = this.#powerLevelsFrom(forwardExtremity)
    const sign = (name: Deviation) => (deviation === name ? -1 : 1)
    const signs = [sign('mainline'), sign('mainline time'), sign('mainline id')]
    const rank = (id: EventId): Rank => {
      const nearest = this.#powerLevelsFrom(this.#powerLevelsOf(id)).find((each) => mainline.includes(each))
      const position = nearest === undefined ? Infinity : mainline.indexOf(nearest)
      return [-position, this.#room.events.get(id)!.origin_server_ts, id]
    }
    const ranked = ids.map((id) => ({ id, rank: rank(id) }))
    return ranked.sort((x, y) => (isLess(x.rank, y.rank, signs) ? -1 : 1)).map(({ id }) => id)
  }

  #applied(start: StateMap, order: readonly EventId[]): Map<StateKey, EventId> {
    const { version, events } = this.#room
    const state = new Map(start)
    for (const id of order) {
      const event = events.get(id)!
      const allowed = authorize(event, version, (type, key) => {
        const entry = state.get(stateKey(type, key)) ?? this.#citedFor(id, type, key)
        return entry === undefined ? undefined : events.get(entry)
      })
      if (allowed === undefined) state.set(stateKey(event.type, event.state_key!), id)
    }
    return state
  }

  #citedFor(id: EventId, type: string, key: string): EventId | undefined {
    const { events } = this.#room
    return this.#authOf(id).find((auth) => events.get(auth)!.type === type && events.get(auth)!.state_key === key)
  }
}

const powerTypes = ['m.room.power_levels', 'm.room.join_rules']

function isPowerEvent(event: Pdu): boolean {
  const removes = ['leave', 'ban'].includes(membershipOf(event) ?? '') && event.sender !== event.state_key
  return event.type === 'm.room.member' ? removes : powerTypes.includes(event.type) && event.state_key === ''
}

type Rank = readonly [number, number, string]

function isLess(x: Rank, y: Rank, signs: readonly number[]): boolean {
  const differing = x.findIndex((value, index) => value !== y[index])
  return differing !== -1 && x[differing]! < y[differing]! === signs[differing]! > 0
}
