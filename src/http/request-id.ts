import { AsyncLocalStorage } from 'node:async_hooks'
import type { Tokens } from '#base/tokens.ts'

/** Names each request of one server, so that all log lines of a request can be found. */
export class RequestIds {
  readonly #storage = new AsyncLocalStorage<string>()
  readonly #prefix: string
  #count = 0

  constructor(tokens: Tokens) {
    this.#prefix = tokens.id(6)
  }

  /** The id of the request that the calling code works for. */
  current = (): string | undefined => this.#storage.getStore()

  /** Runs work under a fresh id. */
  run<T>(work: (id: string) => T): T {
    const id = `${this.#prefix}-${++this.#count}`
    return this.#storage.run(id, work, id)
  }
}
