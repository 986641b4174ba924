import { LRUCache } from 'lru-cache'

/** What one entry takes besides its value: the key, and its place in the order of use. */
const entryBytes = 160

/** So many busy entries are skipped in search of one that may be evicted. */
const maxBusy = 32

export type CacheOptions<Key, Value> = {
  /** As the metrics name it. */
  name: string
  /** Its part of the budget in proportion to the others': a cache within its share loses nothing to one beyond its own. */
  share: number
  /** Bytes that a value takes, as far as they can be estimated at little cost. */
  weigh(value: Value): number
  /** False for a value that is in use and must stay. */
  mayEvict?(value: Value, key: Key): boolean
  /** Called for each evicted value. */
  onEvict?(value: Value, key: Key): void
}

export type CacheFigures = { name: string; bytes: number; entries: number; evictions: number }

type Member = {
  readonly share: number
  readonly bytes: number
  readonly figures: CacheFigures
  evictOldest(): boolean
  evictAll(): void
}

/** The memory that all caches of one server share: where it does not suffice, the cache farthest beyond its share gives. */
export class CacheBudget {
  readonly limit: number
  readonly #caches: Member[] = []
  #bytes = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get bytes(): number {
    return this.#bytes
  }

  figures(): CacheFigures[] {
    return this.#caches.map(({ figures }) => figures)
  }

  cache<Key extends NonNullable<unknown>, Value extends NonNullable<unknown>>(
    options: CacheOptions<Key, Value>,
  ): Cache<Key, Value> {
    const cache: Cache<Key, Value> = new Cache<Key, Value>(options, {
      change: (bytes) => this.#change(bytes),
      spare: () => this.#spareOf(cache),
    })
    this.#caches.push(cache)
    return cache
  }

  /** Evicts everything that is not in use. */
  evictAll(): void {
    for (const cache of this.#caches) cache.evictAll()
  }

  #change(bytes: number): void {
    this.#bytes += bytes
    if (bytes > 0 && this.#bytes > this.limit) this.#shrink()
  }

  /**
   * All caches but the one may keep what is below one level of bytes by share, and what is above is evicted before the
   * one loses anything. The level is the one at which the budget is spent.
   */
  #spareOf(one: Member): number {
    const levelOf = ({ bytes, share }: Member) => bytes / share
    const others = this.#caches.filter((cache) => cache !== one).sort((a, b) => levelOf(a) - levelOf(b))
    let bytes = this.limit
    let shares = others.reduce((sum, { share }) => sum + share, one.share)
    for (const other of others) {
      if (levelOf(other) >= bytes / shares) break
      bytes -= other.bytes
      shares -= other.share
    }
    return Math.max(0, (bytes / shares) * one.share - one.bytes)
  }

  /** Evicting frees at least as much as was added, one entry at a time: no eviction looks at more than a few entries. */
  #shrink(): void {
    const candidates = new Set(this.#caches)
    while (this.#bytes > this.limit) {
      let fattest: Member | undefined
      for (const cache of candidates)
        if (!fattest || cache.bytes / cache.share > fattest.bytes / fattest.share) fattest = cache
      if (!fattest) return
      if (!fattest.evictOldest()) candidates.delete(fattest)
    }
  }
}

/** The budget as one of its caches sees it. */
type BudgetOfCache = { change(bytes: number): void; spare(): number }

/** Values by key, the least recently used of which are dropped when the budget is spent. Made by `CacheBudget.cache`. */
export class Cache<Key extends NonNullable<unknown>, Value extends NonNullable<unknown>> {
  readonly share: number
  readonly #options: CacheOptions<Key, Value>
  readonly #budget: BudgetOfCache
  readonly #entries = new LRUCache<Key, Value>({ maxSize: Number.MAX_SAFE_INTEGER })
  #evictions = 0

  constructor(options: CacheOptions<Key, Value>, budget: BudgetOfCache) {
    this.share = options.share
    this.#options = options
    this.#budget = budget
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /** Bytes that can be added before this cache evicts anything of its own: what is free, and what others would give up. */
  get spare(): number {
    return this.#budget.spare()
  }

  get figures(): CacheFigures {
    return { name: this.#options.name, bytes: this.bytes, entries: this.size, evictions: this.#evictions }
  }

  /** The value, from now on the most recently used one. */
  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  /** The value; its place in the order stays. */
  peek(key: Key): Value | undefined {
    return this.#entries.peek(key)
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  /** All values, the most recently used first. */
  values(): Iterable<Value> {
    return this.#entries.values()
  }

  set(key: Key, value: Value): void {
    const before = this.bytes
    // An entry that holds the same value already would keep its old size.
    this.#entries.delete(key)
    this.#entries.set(key, value, { size: entryBytes + Math.ceil(this.#options.weigh(value)) })
    this.#budget.change(this.bytes - before)
  }

  /** Weighs a value anew that has grown or shrunk; it is the most recently used one then. Nothing where it was dropped. */
  reweigh(key: Key): void {
    const value = this.#entries.peek(key)
    if (value !== undefined) this.set(key, value)
  }

  delete(key: Key): boolean {
    const before = this.bytes
    const isDeleted = this.#entries.delete(key)
    this.#budget.change(this.bytes - before)
    return isDeleted
  }

  clear(): void {
    const before = this.bytes
    this.#entries.clear()
    this.#budget.change(-before)
  }

  evictAll(): void {
    for (const [key, value] of [...this.#entries.entries()]) this.#evict(key, value)
  }

  /** Drops the least recently used entry that may go; false where there is none but the newest. */
  evictOldest(): boolean {
    for (let tries = 0; tries < maxBusy && this.size > 1; tries++) {
      const [key] = this.#entries.rkeys()
      const value = key === undefined ? undefined : this.#entries.peek(key)
      if (key === undefined || value === undefined) return false
      if (this.#evict(key, value)) return true
      // Moved to the newest end, so that the next try finds another one.
      this.#entries.get(key)
    }
    return false
  }

  #evict(key: Key, value: Value): boolean {
    const { mayEvict, onEvict } = this.#options
    if (mayEvict && !mayEvict(value, key)) return false
    this.delete(key)
    this.#evictions++
    onEvict?.(value, key)
    return true
  }
}
