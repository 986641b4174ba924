import type { Cache } from './cache.ts'

/** A cache that reads missing values; concurrent calls share one read. */
export class LoadingCache<Key extends string | number, Value extends NonNullable<unknown>> {
  readonly #cache: Cache<Key, Value>
  readonly #read: (key: Key) => Promise<Value>
  readonly #loading = new Map<Key, Promise<Value>>()

  constructor(cache: Cache<Key, Value>, read: (key: Key) => Promise<Value>) {
    this.#cache = cache
    this.#read = read
  }

  /** The same object until it is invalidated or evicted. */
  async get(key: Key): Promise<Value> {
    return this.#cache.get(key) ?? this.#loading.get(key) ?? this.#load(key)
  }

  /** Also invalidates a read in progress, which may have begun before the change. */
  forget(key: Key): void {
    this.#cache.delete(key)
    this.#loading.delete(key)
  }

  /** Weighs a value anew that has grown. */
  reweigh(key: Key): void {
    this.#cache.reweigh(key)
  }

  #load(key: Key): Promise<Value> {
    const loading = this.#read(key).then(
      (value) => {
        if (this.#end(key, loading)) this.#cache.set(key, value)
        return value
      },
      (error: unknown) => {
        this.#end(key, loading)
        throw error
      },
    )
    this.#loading.set(key, loading)
    return loading
  }

  /** False where the value was invalidated while it was read. */
  #end(key: Key, loading: Promise<Value>): boolean {
    return this.#loading.get(key) === loading && this.#loading.delete(key)
  }
}
