const sampleMs = 20
const restMs = 1000

/**
 * Samples of a timer's lateness, which is the delay of the event loop. Nothing is sampled without requests, because a
 * permanent timer costs an idle server more than all else: a request begins a series, which ends with the first
 * interval without requests, and the next begins a second later at the earliest.
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

  /** To be called for each request. */
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
