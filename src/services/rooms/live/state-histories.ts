import type { StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StateHistory } from './state-entry.ts'

const maxHistories = 500
/** Of the past values of a state key. */
const historyBytes = 500

/** What visibility in a room depends on, as far as readers asked for it: past values of state keys. */
export class StateHistories {
  readonly #histories = new Map<StateKey, StateHistory>()

  get bytes(): number {
    return this.#histories.size * historyBytes
  }

  get(key: StateKey): StateHistory | undefined {
    return this.#histories.get(key)
  }

  keep(key: StateKey, history: StateHistory): void {
    this.#histories.delete(key)
    this.#histories.set(key, history)
    const [oldest] = this.#histories.keys()
    if (this.#histories.size > maxHistories && oldest !== undefined) this.#histories.delete(oldest)
  }
}
