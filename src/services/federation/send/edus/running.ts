import type { Log } from '#base/log.ts'

/** Work that hints from the bus begin; what fails is logged, for what it would have sent counts for a moment only. */
export class Running {
  readonly #log: Log
  readonly #running = new Set<Promise<void>>()

  constructor(log: Log) {
    this.#log = log
  }

  begin(work: Promise<void>): void {
    const running: Promise<void> = work
      .catch((error: unknown) => this.#log.warn('something ephemeral was not sent to other servers', { error }))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
