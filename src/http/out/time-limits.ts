import { systemClock } from '#base/clock.ts'

export type TimeLimit = {
  /** Aborts when the time is over, the caller has lost interest, or the server stops. */
  signal: AbortSignal
  /** Nothing is waited for any longer. */
  end(): void
}

/** Bounds the time of all requests that run. On real time, as all of the network. */
export class TimeLimits {
  readonly #running = new Set<(reason: Error) => void>()
  #isEnded: Error | undefined

  start(ms: number, given: AbortSignal | undefined): TimeLimit {
    const controller = new AbortController()
    const abort = (reason: Error) => controller.abort(reason)
    const giveUp = () => abort(new Error('It was given up'))
    const cancel = systemClock.after(ms, () => abort(new Error('It took too long')))
    given?.addEventListener('abort', giveUp, { once: true })
    this.#running.add(abort)
    if (given?.aborted) giveUp()
    if (this.#isEnded) abort(this.#isEnded)
    const end = () => {
      cancel()
      given?.removeEventListener('abort', giveUp)
      this.#running.delete(abort)
    }
    return { signal: controller.signal, end }
  }

  /** Ends all, and those to come. */
  endAll(message: string): void {
    this.#isEnded = new Error(message)
    for (const abort of this.#running) abort(this.#isEnded)
  }
}
