import type { Cache, CacheBudget } from '#base/cache.ts'
import { askedRows } from '#store/engine/asked-rows.ts'
import type { Batch, Engine } from '#store/engine/engine.ts'
import { inSlicesWithPauses } from '#base/in-slices.ts'

type Key = readonly [type: string, stateKey: string]

/** Bytes of the text and its number. */
const numberBytes = 100
/** So many at once do not block the event loop; only a join of a large room has more. */
const sliceSize = 2000
const nameOf = ([type, stateKey]: Key): string => `${type}\0${stateKey}`

/** Small numbers for (type, state key) pairs, which recur in every room a user is in. */
export class StateKeyNids {
  readonly #kind: Engine['kind']
  readonly #known: Cache<string, number>

  constructor(kind: Engine['kind'], caches: CacheBudget) {
    this.#kind = kind
    this.#known = caches.cache({ name: 'state_keys', share: 5, weigh: () => numberBytes })
  }

  /** The number of each key; new ones are made in the batch's transaction, and remembered only by `keep`. */
  async resolve(batch: Batch, keys: readonly Key[]): Promise<Map<string, number>> {
    const resolved = new Map<string, number>()
    const unknown = new Map<string, Key>()
    for (const key of keys) {
      const nid = this.#known.get(nameOf(key))
      if (nid === undefined) unknown.set(nameOf(key), key)
      else resolved.set(nameOf(key), nid)
    }
    if (unknown.size === 0) return resolved
    const wanted = [...unknown.values()]
    const columns = { type: 'text', state_key: 'text' } as const
    for await (const rows of inSlicesWithPauses(wanted, sliceSize)) {
      await batch.write([{ kind: 'ignore', table: 'state_keys', columns, key: ['type', 'state_key'], rows }])
      const asked = askedRows(this.#kind, columns, rows)
      const sql = `select k.nid, k.type, k.state_key from ${asked.sql}
        cross join state_keys k where k.type = a.type and k.state_key = a.state_key`
      for (const row of await batch.query(sql, asked.bindings))
        resolved.set(nameOf([row.type as string, row.state_key as string]), Number(row.nid))
    }
    return resolved
  }

  /** Remembers numbers that are committed. */
  keep(resolved: ReadonlyMap<string, number>): void {
    for (const [name, nid] of resolved) if (!this.#known.has(name)) this.#known.set(name, nid)
  }
}
