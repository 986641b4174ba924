import { Worker } from 'node:worker_threads'
import type { Answer, FlatStatement, Request, Result, Statement } from './protocol.ts'

type Pending = { resolve(results: Result[]): void; reject(error: Error): void }

/** The main thread's end of the writer thread: one transaction at a time, statements in order. */
export class SqliteWriter {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  /** Requests of this turn of the event loop, sent in one message. */
  #outbox: Request[] = []
  #nextId = 1
  #tail: Promise<void> = Promise.resolve()
  #isClosing = false
  /** Set once writing has become impossible. */
  #failure: Error | undefined
  readonly #broken = Promise.withResolvers<Error>()

  constructor(path: string) {
    this.#worker = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData: { path } })
    this.#worker.unref()
    this.#worker.on('message', (answers: Answer[]) => answers.forEach((answer) => this.#settle(answer)))
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('The SQLite writer thread has ended')))
  }

  /** Resolves with the reason when the thread has died: no write will ever succeed again. */
  get broken(): Promise<Error> {
    return this.#broken.promise
  }

  /** Waits for the write lock; the answer releases it. */
  lock(): Promise<() => void> {
    let release = (): void => {}
    const mine = new Promise<void>((resolve) => (release = resolve))
    const turn = this.#tail.then(() => release)
    this.#tail = this.#tail.then(() => mine)
    return turn
  }

  /** A number for a batch of statements that fail together. */
  newBatch(): number {
    return this.#nextId++
  }

  /** Runs statements after those of all earlier calls. The caller must hold the lock. */
  run(statements: readonly Statement[], batch?: number): Promise<Result[]> {
    if (this.#failure) return Promise.reject(this.#failure)
    const request: Request = { id: this.#nextId++, statements: statements.map(flat), batch }
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref()
      this.#pending.set(request.id, { resolve, reject })
      if (this.#outbox.push(request) === 1) queueMicrotask(() => this.#post())
    })
  }

  async close(): Promise<void> {
    await this.#tail
    if (this.#failure) return
    this.#isClosing = true
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
    this.#worker.ref()
    this.#worker.postMessage('close')
    await ended
  }

  #post(): void {
    this.#worker.postMessage(this.#outbox)
    this.#outbox = []
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0) this.#worker.unref()
    if ('results' in answer) pending?.resolve(answer.results)
    else pending?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }))
  }

  /** A dead thread never answers: pending requests fail now, later ones immediately. */
  #fail(error: Error): void {
    this.#failure ??= error
    for (const pending of this.#pending.values()) pending.reject(this.#failure)
    this.#pending.clear()
    if (!this.#isClosing) this.#broken.resolve(this.#failure)
  }
}

const flat = ({ sql, rows }: Statement): FlatStatement => ({
  sql,
  runs: rows.length,
  width: rows[0]?.length ?? 0,
  bindings: rows.length === 1 ? (rows[0] ?? []) : rows.flat(),
})
