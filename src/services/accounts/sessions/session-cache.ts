import type { Clock } from '#base/clock.ts'
import type { UserId } from '#protocol/ids.ts'

/** Who an access token speaks for. */
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
  /** When the device was last written down as seen. */
  seenAt: number
}

/** A lost wake-up delays the end of a session in another process by this much at most. */
const lifetimeMs = 30_000

/** Sessions of access tokens by the hash of the token; forgotten by user whenever anything about one changes. */
export class SessionCache {
  readonly #clock: Pick<Clock, 'now'>
  readonly #capacity: number
  /** Oldest first. */
  readonly #entries = new Map<string, { cached: CachedSession; loadedAt: number }>()
  readonly #hashesOf = new Map<string, Set<string>>()
  #changes = 0

  constructor(clock: Pick<Clock, 'now'>, capacity = 50_000) {
    this.#clock = clock
    this.#capacity = capacity
  }

  /** Counts what was forgotten: read it before the store, and give it to `put`. */
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

  /** Keeps a session unless one was forgotten since `changes` was read: then what was read may be stale. */
  put(tokenHash: string, cached: CachedSession, changes: number): void {
    if (changes !== this.#changes) return
    this.#remove(tokenHash)
    this.#entries.set(tokenHash, { cached, loadedAt: this.#clock.now() })
    const { userId } = cached.session
    const hashes = this.#hashesOf.get(userId)
    if (hashes) hashes.add(tokenHash)
    else this.#hashesOf.set(userId, new Set([tokenHash]))
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#capacity) return
      this.#remove(oldest)
    }
  }

  forget(userId: UserId): void {
    this.#changes++
    for (const hash of this.#hashesOf.get(userId) ?? []) this.#entries.delete(hash)
    this.#hashesOf.delete(userId)
  }

  #remove(tokenHash: string): void {
    const entry = this.#entries.get(tokenHash)
    if (entry === undefined) return
    this.#entries.delete(tokenHash)
    const { userId } = entry.cached.session
    const hashes = this.#hashesOf.get(userId)
    hashes?.delete(tokenHash)
    if (hashes?.size === 0) this.#hashesOf.delete(userId)
  }
}
