import { OutgoingError } from '#base/outgoing.ts'

type Waiting = { start: () => void }
type Bounds = { perKey: number; inAll: number; waiting: number }

/** Bounds how many requests run at once, for each place and in all; those beyond wait for their turn. */
export class Slots {
  readonly #bounds: Bounds
  readonly #running = new Map<string, number>()
  readonly #queues = new Map<string, Set<Waiting>>()
  #inAll = 0
  #waiting = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  get running(): number {
    return this.#inAll
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Resolves with what gives the slot back; rejects when the signal aborts before. */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (!this.#isFree(key)) await this.#wait(key, signal)
    else this.#start(key)
    let isHeld = true
    return () => {
      if (isHeld) this.#end(key)
      isHeld = false
    }
  }

  #isFree(key: string): boolean {
    return this.#inAll < this.#bounds.inAll && (this.#running.get(key) ?? 0) < this.#bounds.perKey
  }

  #start(key: string): void {
    this.#inAll++
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1)
  }

  #end(key: string): void {
    this.#inAll--
    const left = (this.#running.get(key) ?? 0) - 1
    if (left > 0) this.#running.set(key, left)
    else this.#running.delete(key)
    // Other places wait for this one only where the bound in all was reached.
    if (this.#startNext(key) || this.#inAll + 1 < this.#bounds.inAll) return
    for (const other of this.#queues.keys()) if (this.#startNext(other)) return
  }

  #startNext(key: string): boolean {
    const [next] = this.#queues.get(key) ?? []
    if (!next || !this.#isFree(key)) return false
    this.#leave(key, next)
    this.#start(key)
    next.start()
    return true
  }

  #wait(key: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= this.#bounds.waiting) throw new OutgoingError('Too many requests wait', { isUnsent: true })
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#leave(key, waiting)
        reject(signal.reason)
      }
      const start = () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const waiting = { start }
      const queue = this.#queues.get(key) ?? new Set()
      this.#queues.set(key, queue.add(waiting))
      this.#waiting++
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  #leave(key: string, waiting: Waiting): void {
    const queue = this.#queues.get(key)
    if (!queue?.delete(waiting)) return
    this.#waiting--
    if (queue.size === 0) this.#queues.delete(key)
  }
}
