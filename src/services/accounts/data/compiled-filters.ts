import type { Cache, CacheBudget } from '#base/cache.ts'
import { compileFilter, type CompiledFilter, type Filter } from '#protocol/filters/filter.ts'

/** The weight of a filter with its source: a compiled one takes about as much. */
type Kept = { filter: CompiledFilter; bytes: number }

/** Bytes of the functions that every compiled filter has. */
const filterBytes = 3000

/** Recently used filters, compiled: clients send the same one with every request. */
export class CompiledFilters {
  readonly #compiled: Cache<string, Kept>

  constructor(caches: CacheBudget) {
    this.#compiled = caches.cache({ name: 'filters', share: 3, weigh: ({ bytes }) => bytes })
  }

  find(key: string): CompiledFilter | undefined {
    return this.#compiled.get(key)?.filter
  }

  /** Expects `read` to answer always the same valid filter for a key. */
  compile(key: string, read: () => Filter): CompiledFilter {
    const known = this.find(key)
    if (known) return known
    const source = read()
    const filter = compileFilter(source)
    this.#compiled.set(key, { filter, bytes: filterBytes + 2 * key.length + 8 * JSON.stringify(source).length })
    return filter
  }
}
