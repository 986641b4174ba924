import type { EventId, UserId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { Store } from '#store/open.ts'

const maxLoaded = 1000
const maxRemembered = 1_000_000

/** Fingerprints of the transactions that a device has used, and whether these are all. */
type Used = { fingerprints: Set<number>; isComplete: boolean }

/**
 * The transaction ids that devices have used, so that a new one costs no query: as numbers, since the texts would take
 * ten times the memory. A device's ids are read once. The store decides where an id may have been used, where a device
 * has too many, or where another process may know better.
 */
export class SentTransactions {
  readonly #store: Store
  readonly #devices = new Map<string, Promise<Used>>()
  #remembered = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** The event that the transaction has made already; from now on it counts as used. */
  async claim(transaction: EventTransaction): Promise<EventId | undefined> {
    const { fingerprints, isComplete } = await this.#device(transaction)
    const fingerprint = fingerprintOf(transaction)
    const isNew = isComplete && !fingerprints.has(fingerprint)
    fingerprints.add(fingerprint)
    if (++this.#remembered > maxRemembered) {
      this.#devices.clear()
      this.#remembered = 0
    }
    return isNew ? undefined : this.#store.rooms.events.byTransaction(transaction)
  }

  #device({ userId, deviceId }: EventTransaction): Promise<Used> {
    const name = `${userId} ${deviceId}`
    const known = this.#devices.get(name)
    if (known) return known
    const loading = this.#load(userId, deviceId)
    this.#devices.set(name, loading)
    loading.catch(() => this.#devices.delete(name))
    return loading
  }

  async #load(userId: UserId, deviceId: string): Promise<Used> {
    const sent = await this.#store.rooms.events.listTransactions({ userId, deviceId }, maxLoaded)
    this.#remembered += sent.length
    return { fingerprints: new Set(sent.map(fingerprintOf)), isComplete: sent.length < maxLoaded }
  }
}

/** 32 bits: two transactions of one device that share them cost a query, and nothing else. */
const fingerprintOf = ({ scope, transactionId }: Pick<EventTransaction, 'scope' | 'transactionId'>): number =>
  fold(fold(0x811c9dc5, scope), transactionId)

/** FNV-1a. */
function fold(start: number, text: string): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
