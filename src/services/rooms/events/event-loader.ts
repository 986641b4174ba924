import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadEvents } from './load-events.ts'

type Loading = { positions: readonly number[]; resolve(events: StoredEvent[]): void; reject(error: unknown): void }

/** Loads events by position; all that is asked for in one turn of the event loop goes into one query, or a few. */
export class EventLoader {
  readonly #ctx: Pick<Context, 'store'>
  readonly #loaded = new Map<number, StoredEvent | undefined>()
  #waiting: Loading[] = []

  constructor(ctx: Pick<Context, 'store'>) {
    this.#ctx = ctx
  }

  async load(position: number): Promise<StoredEvent | undefined> {
    return (await this.loadAll([position]))[0]
  }

  /** Those that exist, in the order asked for. */
  async loadAll(positions: readonly number[]): Promise<StoredEvent[]> {
    if (positions.every((position) => this.#loaded.has(position))) return this.#known(positions)
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ positions, resolve, reject }) === 1) setImmediate(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const missing = new Set<number>()
      for (const { positions } of waiting)
        for (const position of positions) if (!this.#loaded.has(position)) missing.add(position)
      const events = await loadEvents(this.#ctx, [...missing])
      for (const position of missing) this.#loaded.set(position, undefined)
      for (const event of events) this.#loaded.set(event.position, event)
      for (const { positions, resolve } of waiting) resolve(this.#known(positions))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  #known(positions: readonly number[]): StoredEvent[] {
    const known: StoredEvent[] = []
    for (const position of positions) {
      const event = this.#loaded.get(position)
      if (event) known.push(event)
    }
    return known
  }
}
