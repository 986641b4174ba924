import type { Clock } from '#base/clock.ts'

/** The longest delay of the platform's timers. */
const longest = 2_147_483_647

/** One timer of a worker: setting it replaces the previous one. Keeps no process alive. */
export class Alarm {
  readonly #clock: Pick<Clock, 'every'>
  #cancel: (() => void) | undefined

  constructor(clock: Pick<Clock, 'every'>) {
    this.#clock = clock
  }

  get isSet(): boolean {
    return this.#cancel !== undefined
  }

  set(ms: number, work: () => void): void {
    this.clear()
    // The clock's unref'd timers repeat: this one ends when it is due.
    this.#cancel = this.#clock.every(Math.min(Math.max(1, ms), longest), () => {
      this.clear()
      work()
    })
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
