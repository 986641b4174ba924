import type { Cache, CacheBudget } from '#base/cache.ts'
import type { EventId } from '#protocol/ids.ts'
import type { Batch, Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** Bytes of the text and its number. */
const numberBytes = 100

/** The numbers under which state events stand in the auth index: the position that each was first given. */
export class AuthNids {
  readonly #kind: Engine['kind']
  readonly #known: Cache<EventId, number>

  constructor(kind: Engine['kind'], caches: CacheBudget) {
    this.#kind = kind
    this.#known = caches.cache({ name: 'auth_numbers', share: 5, weigh: () => numberBytes })
  }

  /** The number of each event that is on disk; `keep` remembers those of events that are about to be written. */
  async resolve(batch: Batch, ids: Iterable<EventId>): Promise<Map<EventId, number>> {
    const resolved = new Map<EventId, number>()
    const unknown = new Set<EventId>()
    for (const id of ids) {
      const nid = this.#known.get(id)
      if (nid === undefined) unknown.add(id)
      else resolved.set(id, nid)
    }
    if (unknown.size === 0) return resolved
    const [condition, bindings] = inList(this.#kind, 'event_id', [...unknown])
    const sql = `select event_id, coalesce(former_position, position) as nid from events where ${condition}`
    for (const row of await batch.query(sql, bindings)) resolved.set(row.event_id as EventId, Number(row.nid))
    return resolved
  }

  /** Remembers numbers that are committed; an event of a room that was purged and entered again has another than before. */
  keep(resolved: ReadonlyMap<EventId, number>): void {
    for (const [id, nid] of resolved) if (this.#known.get(id) !== nid) this.#known.set(id, nid)
  }
}
