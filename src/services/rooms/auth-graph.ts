import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { IndexedEvent } from '#store/auth-index.ts'

type Node = { id: EventId; place: StateKey; auth: readonly number[] }

/**
 * What rests on what among a room's state events, contents left out: a copy of the auth index that grows with it. Only
 * direct links are kept, so whatever shape somebody gives the graph, its size is that of the events, and each question
 * visits an event at most once.
 */
export class AuthGraph {
  readonly #nodes = new Map<number, Node>()
  readonly #nids = new Map<EventId, number>()
  /** Numbers of the index that are here: from `bottom` to `top`, all of them. */
  top = 0
  bottom = 0

  get size(): number {
    return this.#nodes.size
  }

  add({ nid, eventId, type, stateKey: key, auth }: IndexedEvent): void {
    this.#nodes.set(nid, { id: eventId, place: stateKey(type, key), auth })
    this.#nids.set(eventId, nid)
    this.top = Math.max(this.top, nid)
    this.bottom = Math.min(this.bottom, nid)
  }

  placeOf(id: EventId): StateKey | undefined {
    return this.#nodeOf(id)?.place
  }

  authEventsOf(id: EventId): EventId[] | undefined {
    return this.#nodeOf(id)?.auth.map((nid) => this.#at(nid).id)
  }

  /** All that some events rest on, themselves included: their full auth chain. */
  chainOf(ids: Iterable<EventId>): Set<EventId> {
    return this.#idsOf(this.#reach(ids, new Set()))
  }

  /** The events that some of the starts rest on but not all, outside of what the shared events rest on. */
  difference(starts: readonly Iterable<EventId>[], shared: Iterable<EventId>): Set<EventId> {
    const common = this.#reach(shared, new Set())
    const reaching = new Map<number, number>()
    for (const ids of starts)
      for (const nid of this.#reach(ids, common)) reaching.set(nid, (reaching.get(nid) ?? 0) + 1)
    return this.#idsOf([...reaching].flatMap(([nid, count]) => (count < starts.length ? nid : [])))
  }

  /** `beyond` must be closed: what is reached through it is in it. */
  #reach(ids: Iterable<EventId>, beyond: ReadonlySet<number>): Set<number> {
    const reached = new Set<number>()
    for (const id of ids) {
      const nid = this.#nids.get(id)
      if (nid !== undefined && !beyond.has(nid)) reached.add(nid)
    }
    // A set visits what is added to it under way, each once.
    for (const nid of reached) for (const auth of this.#at(nid).auth) if (!beyond.has(auth)) reached.add(auth)
    return reached
  }

  #idsOf(nids: Iterable<number>): Set<EventId> {
    const ids = new Set<EventId>()
    for (const nid of nids) ids.add(this.#at(nid).id)
    return ids
  }

  #nodeOf(id: EventId): Node | undefined {
    const nid = this.#nids.get(id)
    return nid === undefined ? undefined : this.#at(nid)
  }

  #at(nid: number): Node {
    const node = this.#nodes.get(nid)
    if (!node) throw new Error('The auth index names an event that it does not hold')
    return node
  }
}
