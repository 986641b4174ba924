import { compileFilter, type CompiledFilter, type Filter } from '#protocol/filters/filter.ts'

/** Filters that were used lately, ready for use: clients send the same one with every request. */
export class CompiledFilters {
  readonly #capacity: number
  /** The least recently used first. */
  readonly #compiled = new Map<string, CompiledFilter>()

  constructor(capacity = 2000) {
    this.#capacity = capacity
  }

  find(key: string): CompiledFilter | undefined {
    const filter = this.#compiled.get(key)
    if (filter) this.#keep(key, filter)
    return filter
  }

  /** Expects `read` to answer always the same for a key, and a filter that `filterViolation` has nothing against. */
  compile(key: string, read: () => Filter): CompiledFilter {
    const known = this.find(key)
    if (known) return known
    const filter = compileFilter(read())
    this.#keep(key, filter)
    return filter
  }

  #keep(key: string, filter: CompiledFilter): void {
    this.#compiled.delete(key)
    this.#compiled.set(key, filter)
    const [oldest] = this.#compiled.keys()
    if (this.#compiled.size > this.#capacity && oldest !== undefined) this.#compiled.delete(oldest)
  }
}
