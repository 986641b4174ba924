import type { StateKey } from '#protocol/state-resolution/state-map.ts'

/** A room state by the positions of its events. */
export type Positions = Map<StateKey, number>

/** In place of a position: no event holds the key. */
export const noEvent = 0

export type JournalSpan = { from: number; to: number | null; entry: number }

/** How the current state of a room came about: two numbers for each change, none for messages. */
export class StateJournal {
  /** Beginnings and events in turn, oldest first. */
  readonly #changes = new Map<StateKey, number[]>()

  set(key: StateKey, from: number, entry: number): void {
    const changes = this.#changes.get(key)
    if (changes) changes.push(from, entry)
    else this.#changes.set(key, [from, entry])
  }

  keys(): Iterable<StateKey> {
    return this.#changes.keys()
  }

  /** The event that holds a key just after a position. */
  entryAt(key: StateKey, position: number): number {
    const changes = this.#changes.get(key) ?? []
    for (let index = changes.length - 2; index >= 0; index -= 2)
      if ((changes[index] as number) <= position) return changes[index + 1] as number
    return noEvent
  }

  /** The interval that is open now. */
  current(key: StateKey): JournalSpan | undefined {
    return this.intervals(key).at(-1)
  }

  /** The state just after a position. */
  stateAt(position: number): Positions {
    const state: Positions = new Map()
    for (const key of this.#changes.keys()) {
      const entry = this.entryAt(key, position)
      if (entry !== noEvent) state.set(key, entry)
    }
    return state
  }

  /** The intervals of a key as they should be on disk. */
  intervals(key: StateKey): JournalSpan[] {
    const changes = this.#changes.get(key) ?? []
    const intervals: JournalSpan[] = []
    for (let index = 0; index < changes.length; index += 2) {
      const [from, entry] = [changes[index] as number, changes[index + 1] as number]
      intervals.push({ from, entry, to: entry === noEvent ? from : (changes[index + 2] ?? null) })
    }
    return intervals
  }
}
