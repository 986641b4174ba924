/** Long polls by key. Register before reading, so that no wake-up is lost between the read and the wait. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** How many wait now. */
  get size(): number {
    let size = 0
    for (const set of this.#waiting.values()) size += set.size
    return size
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
    for (const wake of this.#waiting.get(key) ?? []) wake()
  }
}

export type Ticket = { woken: Promise<void>; release(): void }
