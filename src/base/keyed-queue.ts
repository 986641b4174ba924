/** Runs work of one key strictly one after another; different keys run side by side. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>()

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const result = before ? before.then(work, work) : work()
    this.#tails.set(key, result)
    const leave = () => {
      if (this.#tails.get(key) === result) this.#tails.delete(key)
    }
    result.then(leave, leave)
    return result
  }

  /** Whether work of the key runs or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key)
  }
}
