import type { Clock } from './clock.ts'
import { recentMap } from './recent-map.ts'

type Pace = { tokens: number; at: number; pending: (() => Promise<void>) | undefined }

export type CoalescerOptions = {
  /** So many calls run at once. */
  burst: number
  /** After these, one in so many ms. */
  everyMs: number
  /** Called when delayed work fails. */
  onError: (error: unknown) => void
}

/** The least recently used keys beyond are dropped, and may run at once again. */
const maxKeys = 20_000

/** Runs work of a key at once while it is rare; when it is frequent, only the newest delayed call runs. */
export class Coalescer {
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #options: CoalescerOptions
  readonly #keys = recentMap<string, Pace>(maxKeys)

  constructor(clock: Pick<Clock, 'now' | 'after'>, options: CoalescerOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** Resolves when the work is done, or at once when it is delayed. */
  async run(key: string, work: () => Promise<void>): Promise<void> {
    const pace = this.#refilled(key)
    if (pace.pending) pace.pending = work
    else if (pace.tokens >= 1) {
      pace.tokens--
      await work()
    } else this.#putOff(pace, work)
  }

  #putOff(pace: Pace, work: () => Promise<void>): void {
    pace.pending = work
    this.#clock.after(Math.ceil((1 - pace.tokens) * this.#options.everyMs), () => {
      const newest = pace.pending
      pace.pending = undefined
      pace.tokens = 0
      pace.at = this.#clock.now()
      newest?.().catch(this.#options.onError)
    })
  }

  #refilled(key: string): Pace {
    const { burst, everyMs } = this.#options
    const now = this.#clock.now()
    const pace = this.#keys.get(key) ?? { tokens: burst, at: now, pending: undefined }
    pace.tokens = Math.min(burst, pace.tokens + Math.max(0, now - pace.at) / everyMs)
    pace.at = now
    this.#keys.set(key, pace)
    return pace
  }
}
