const maxRemembered = 200_000

type Key = {
  /** The newest wake-up; that of a key which is new counts as just now. */
  lastWoken: number
  readonly waiting: Set<() => void>
}

/**
 * Long polls by key. Register before reading, so that no wake-up is lost between the read and the wait. The last
 * wake-up of each key that was ever registered is remembered, so that a reader who was told everything up to one moment
 * can see, without reading, that nothing came since. Keys that nobody asks for cost next to nothing to wake.
 */
export class Waiters {
  readonly #keys = new Map<string, Key>()
  readonly #maxRemembered: number
  #moment = 0

  constructor(limits: { maxRemembered: number } = { maxRemembered }) {
    this.#maxRemembered = limits.maxRemembered
  }

  /** How many wait now. */
  get size(): number {
    let size = 0
    for (const { waiting } of this.#keys.values()) size += waiting.size
    return size
  }

  /** A number that grows with every wake-up in this process. */
  get moment(): number {
    return this.#moment
  }

  /** Whether the key was, or may have been, woken after a moment. */
  wokenSince(key: string, moment: number): boolean {
    return (this.#keys.get(key)?.lastWoken ?? Infinity) > moment
  }

  /** A ticket that remembers any wake-up of the key from now on. */
  register(key: string): Ticket {
    let wake = (): void => {}
    const woken = new Promise<void>((resolve) => (wake = resolve))
    const { waiting } = this.#remember(key)
    waiting.add(wake)
    return { woken, release: () => void waiting.delete(wake) }
  }

  wake(key: string): void {
    const known = this.#keys.get(key)
    if (!known) return
    known.lastWoken = ++this.#moment
    for (const wake of known.waiting) wake()
  }

  /** The key as the one that was asked for last. */
  #remember(key: string): Key {
    // Before it was known its wake-ups were missed: tokens of that time must not look up to date.
    const known = this.#keys.get(key) ?? { lastWoken: ++this.#moment, waiting: new Set() }
    this.#keys.delete(key)
    this.#keys.set(key, known)
    if (this.#keys.size > this.#maxRemembered) this.#forgetOldest()
    return known
  }

  /** Those who wait are kept: their wake-up is still owed to them. */
  #forgetOldest(): void {
    for (const [key, { waiting }] of this.#keys) {
      if (waiting.size > 0) continue
      this.#keys.delete(key)
      return
    }
  }
}

export type Ticket = { woken: Promise<void>; release(): void }
