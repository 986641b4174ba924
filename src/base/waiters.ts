const maxRemembered = 200_000

/**
 * Long polls by key. Register before reading, so that no wake-up is lost between the read and the wait. The last
 * wake-up of each key is remembered, so that a reader who was told everything up to one moment can see, without
 * reading, that nothing came since.
 */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #lastWoken = new Map<string, number>()
  #moment = 0
  /** Wake-ups up to here may have been forgotten. */
  #forgotten = 0

  /** How many wait now. */
  get size(): number {
    let size = 0
    for (const set of this.#waiting.values()) size += set.size
    return size
  }

  /** A number that grows with every wake-up in this process. */
  get moment(): number {
    return this.#moment
  }

  /** Whether the key was, or may have been, woken after a moment. */
  wokenSince(key: string, moment: number): boolean {
    return (this.#lastWoken.get(key) ?? this.#forgotten) > moment
  }

  /** A ticket that remembers any wake-up of the key from now on. */
  register(key: string): Ticket {
    let wake = (): void => {}
    const woken = new Promise<void>((resolve) => (wake = resolve))
    const set = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, set.add(wake))
    return {
      woken,
      release: () => {
        set.delete(wake)
        if (set.size === 0 && this.#waiting.get(key) === set) this.#waiting.delete(key)
      },
    }
  }

  wake(key: string): void {
    this.#lastWoken.delete(key)
    this.#lastWoken.set(key, ++this.#moment)
    if (this.#lastWoken.size > maxRemembered) this.#forgetOldest()
    for (const wake of this.#waiting.get(key) ?? []) wake()
  }

  #forgetOldest(): void {
    const [oldest] = this.#lastWoken
    if (!oldest) return
    this.#lastWoken.delete(oldest[0])
    this.#forgotten = oldest[1]
  }
}

export type Ticket = { woken: Promise<void>; release(): void }
