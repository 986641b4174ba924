const sampleMs = 20
const restMs = 1000

/**
 * Samples of a timer's lateness: what any work that became due then had to wait. Nothing is sampled while nothing is
 * asked, because a timer that is always there costs an idle server more than all else: a request begins a series, which
 * ends with the first interval in which none came, and the next begins a second later at the earliest.
 */
export class LoopDelay {
  readonly #observe: (seconds: number) => void
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0
  #restsUntil = 0
  #hasCome = false

  constructor(observe: (seconds: number) => void) {
    this.#observe = observe
  }

  /** A request has come. */
  noteRequest(): void {
    this.#hasCome = true
    if (this.#timer === undefined && performance.now() >= this.#restsUntil) this.#arm()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#restsUntil = Infinity
  }

  #arm(): void {
    this.#hasCome = false
    this.#dueAt = performance.now() + sampleMs
    this.#timer = setTimeout(() => this.#sample(), sampleMs)
    this.#timer.unref()
  }

  #sample(): void {
    const now = performance.now()
    this.#observe(Math.max(0, now - this.#dueAt) / 1000)
    this.#timer = undefined
    if (this.#hasCome) this.#arm()
    else this.#restsUntil = now + restMs
  }
}
