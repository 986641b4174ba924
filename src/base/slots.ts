/** So many at once of each name; the others wait in order. */
export class Slots {
  readonly #most: number
  readonly #used = new Map<string, { count: number; waiting: (() => void)[] }>()

  constructor(most: number) {
    this.#most = most
  }

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const used = this.#used.get(name) ?? { count: 0, waiting: [] }
    this.#used.set(name, used)
    if (used.count < this.#most) used.count++
    // Whoever ends passes the slot on.
    else await new Promise<void>((resolve) => used.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = used.waiting.shift()
      if (next) next()
      else if (--used.count === 0) this.#used.delete(name)
    }
  }
}
