import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadEvents } from './load-events.ts'

/** Loads events by position; all that is asked for in one turn of the event loop goes into one query, or a few. */
export class EventLoader {
  readonly #ctx: Pick<Context, 'store'>
  readonly #loaded = new Map<number, Promise<StoredEvent | undefined>>()
  #waiting: { position: number; resolve(event: StoredEvent | undefined): void; reject(error: unknown): void }[] = []

  constructor(ctx: Pick<Context, 'store'>) {
    this.#ctx = ctx
  }

  load(position: number): Promise<StoredEvent | undefined> {
    const known = this.#loaded.get(position)
    if (known) return known
    const loading = new Promise<StoredEvent | undefined>((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => void this.#run())
      this.#waiting.push({ position, resolve, reject })
    })
    this.#loaded.set(position, loading)
    return loading
  }

  /** Those that exist, in the order asked for. */
  async loadAll(positions: readonly number[]): Promise<StoredEvent[]> {
    const events = await Promise.all(positions.map((position) => this.load(position)))
    return events.filter((event) => event !== undefined)
  }

  async #run(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const events = await loadEvents(
        this.#ctx,
        waiting.map(({ position }) => position),
      )
      const byPosition = new Map(events.map((event) => [event.position, event]))
      for (const { position, resolve } of waiting) resolve(byPosition.get(position))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
