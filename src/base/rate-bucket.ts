import type { Clock } from './clock.ts'
import type { Config } from './config/schema.ts'
import { limitExceeded } from './errors.ts'

export type BucketName = Exclude<keyof Config['rate_limits'], 'enabled'>

type Level = { tokens: number; at: number }

/** The token buckets of one server: each fills at its rate up to its burst, and a request takes one token. */
export class RateBuckets {
  readonly #limits: Config['rate_limits']
  readonly #clock: Pick<Clock, 'now'>
  readonly #capacity: number
  /** Oldest use first. */
  readonly #levels = new Map<string, Level>()

  /** `capacity`: keys remembered at most; the least recently used are dropped, and have a full bucket again. */
  constructor(limits: Config['rate_limits'], clock: Pick<Clock, 'now'>, capacity = 100_000) {
    this.#limits = limits
    this.#clock = clock
    this.#capacity = capacity
  }

  get size(): number {
    return this.#levels.size
  }

  /**
   * Takes a token, or as many as the act costs, or refuses with M_LIMIT_EXCEEDED and the time until there are enough. An
   * act that costs more than the burst needs a full bucket, and leaves a debt.
   */
  spend(name: BucketName, key: string, cost = 1): void {
    if (!this.#limits.enabled || cost === 0) return
    const { per_second: perSecond, burst } = this.#limits[name]
    const now = this.#clock.now()
    const id = `${name} ${key}`
    const before = this.#levels.get(id) ?? { tokens: burst, at: now }
    const passed = Math.max(0, now - before.at)
    const tokens = Math.min(burst, before.tokens + (passed * perSecond) / 1000)
    const needed = Math.min(cost, burst)
    this.#remember(id, { tokens: tokens < needed ? tokens : tokens - cost, at: now })
    if (tokens < needed) throw limitExceeded(((needed - tokens) * 1000) / perSecond)
  }

  #remember(id: string, level: Level): void {
    this.#levels.delete(id)
    this.#levels.set(id, level)
    if (this.#levels.size <= this.#capacity) return
    for (const oldest of this.#levels.keys()) {
      this.#levels.delete(oldest)
      return
    }
  }
}
