import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { IndexedEvent } from '#store/rooms/auth-index.ts'

/**
 * The auth events of a room's state events, contents left out: a copy of the auth index that grows with it. Only
 * direct links are kept, so whatever shape the graph has, its size is that of the events, and each question
 * visits an event at most once. Kept in columns, since there is one for each forked room in use.
 */
export class AuthGraph {
  readonly #slots = new Map<EventId, number>()
  readonly #slotOfNid = new Map<number, number>()
  readonly #ids: EventId[] = []
  readonly #types: string[] = []
  readonly #keys: string[] = []
  /** The numbers of the auth events of each event, all in one list; `#starts` says where an event's begin. */
  readonly #auth: number[] = []
  readonly #starts: number[] = [0]
  readonly #knownTypes = new Map<string, string>()
  /** Positions of the index that are here: from `bottom` to `top`, all of them. */
  top = 0
  bottom = 0

  get size(): number {
    return this.#ids.length
  }

  add({ nid, position, eventId, type, stateKey: key, auth }: IndexedEvent): void {
    this.top = Math.max(this.top, position)
    this.bottom = Math.min(this.bottom, position)
    // An outlier that came into the timeline is read again.
    if (this.#slotOfNid.has(nid)) return
    this.#slotOfNid.set(nid, this.size)
    this.#slots.set(eventId, this.size)
    this.#ids.push(eventId)
    this.#types.push(this.#shared(type))
    this.#keys.push(key)
    for (const each of auth) this.#auth.push(each)
    this.#starts.push(this.#auth.length)
  }

  placeOf(id: EventId): StateKey | undefined {
    const slot = this.#slots.get(id)
    return slot === undefined ? undefined : stateKey(this.#types[slot]!, this.#keys[slot]!)
  }

  authEventsOf(id: EventId): EventId[] | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    const ids: EventId[] = []
    this.#eachAuth(slot, (auth) => ids.push(this.#ids[auth]!))
    return ids
  }

  /** The full auth chain of some events, themselves included. */
  chainOf(ids: Iterable<EventId>): Set<EventId> {
    return this.#idsOf(this.#reach(ids, new Uint8Array(this.size)))
  }

  /** The auth difference: events in the auth chain of some of the starts but not of all, and not in that of the shared events. */
  difference(starts: readonly Iterable<EventId>[], shared: Iterable<EventId>): Set<EventId> {
    const common = new Uint8Array(this.size)
    this.#reach(shared, common)
    const reaching = new Map<number, number>()
    for (const ids of starts)
      for (const slot of this.#reach(ids, common.slice())) reaching.set(slot, (reaching.get(slot) ?? 0) + 1)
    return this.#idsOf([...reaching].flatMap(([slot, count]) => (count < starts.length ? slot : [])))
  }

  /** The auth chains of the events as far as `visited` does not mark them; it holds whole chains, before and afterwards. */
  #reach(ids: Iterable<EventId>, visited: Uint8Array): number[] {
    const reached: number[] = []
    const visit = (slot: number) => {
      if (visited[slot] === 1) return
      visited[slot] = 1
      reached.push(slot)
    }
    for (const id of ids) {
      const slot = this.#slots.get(id)
      if (slot !== undefined) visit(slot)
    }
    // A list visits what is added to it under way.
    for (const slot of reached) this.#eachAuth(slot, visit)
    return reached
  }

  /** By a callback, since a list for each of very many events would take most of the time of a walk. */
  #eachAuth(slot: number, take: (auth: number) => void): void {
    const end = this.#starts[slot + 1]!
    for (let at = this.#starts[slot]!; at < end; at++) {
      const auth = this.#slotOfNid.get(this.#auth[at]!)
      if (auth === undefined) throw new Error('The auth index names an event that it does not hold')
      take(auth)
    }
  }

  #idsOf(slots: Iterable<number>): Set<EventId> {
    const ids = new Set<EventId>()
    for (const slot of slots) ids.add(this.#ids[slot]!)
    return ids
  }

  /** One string for all events of a type. */
  #shared(type: string): string {
    const known = this.#knownTypes.get(type)
    if (known === undefined) this.#knownTypes.set(type, type)
    return known ?? type
  }
}
