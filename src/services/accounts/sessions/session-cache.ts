import type { Cache, CacheBudget } from '#base/cache.ts'
import type { Clock } from '#base/clock.ts'
import type { UserId } from '#protocol/ids.ts'

/** The requester that an access token belongs to. */
export type Session = {
  userId: UserId
  deviceId: string | undefined
  isGuest: boolean
  isAdmin: boolean
  isSuspended: boolean
  appserviceId: string | undefined
}

export type CachedSession = {
  session: Session
  isLocked: boolean
  expiresAt: number | undefined
  /** When the last-seen time of the device was last stored. */
  seenAt: number
}

type Entry = { cached: CachedSession; loadedAt: number }

/** Bytes of a session with its ids and its index entry. */
const sessionBytes = 700

/** Bounds how long an ended session stays cached in another process when a bus message is lost. */
const lifetimeMs = 30_000

/** Sessions by the hash of the access token; all of a user are dropped when anything about one changes. */
export class SessionCache {
  readonly #clock: Pick<Clock, 'now'>
  readonly #entries: Cache<string, Entry>
  readonly #hashesOf = new Map<string, Set<string>>()
  #changes = 0

  constructor(clock: Pick<Clock, 'now'>, caches: CacheBudget) {
    this.#clock = clock
    this.#entries = caches.cache({
      name: 'sessions',
      share: 5,
      weigh: () => sessionBytes,
      onEvict: (entry, tokenHash) => this.#removed(tokenHash, entry),
    })
  }

  /** Counts invalidations: read it before the store, and pass it to `put`. */
  get changes(): number {
    return this.#changes
  }

  get(tokenHash: string): CachedSession | undefined {
    const entry = this.#entries.get(tokenHash)
    if (entry === undefined) return undefined
    if (this.#clock.now() - entry.loadedAt < lifetimeMs) return entry.cached
    this.#remove(tokenHash)
    return undefined
  }

  /** Caches a session unless there was an invalidation since `changes` was read: then it may be stale. */
  put(tokenHash: string, cached: CachedSession, changes: number): void {
    if (changes !== this.#changes) return
    this.#remove(tokenHash)
    this.#entries.set(tokenHash, { cached, loadedAt: this.#clock.now() })
    const { userId } = cached.session
    const hashes = this.#hashesOf.get(userId)
    if (hashes) hashes.add(tokenHash)
    else this.#hashesOf.set(userId, new Set([tokenHash]))
  }

  forget(userId: UserId): void {
    this.#changes++
    for (const hash of this.#hashesOf.get(userId) ?? []) this.#entries.delete(hash)
    this.#hashesOf.delete(userId)
  }

  #remove(tokenHash: string): void {
    const entry = this.#entries.peek(tokenHash)
    if (entry === undefined) return
    this.#entries.delete(tokenHash)
    this.#removed(tokenHash, entry)
  }

  #removed(tokenHash: string, entry: Entry): void {
    const { userId } = entry.cached.session
    const hashes = this.#hashesOf.get(userId)
    hashes?.delete(tokenHash)
    if (hashes?.size === 0) this.#hashesOf.delete(userId)
  }
}
