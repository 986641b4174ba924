import { CacheBudget } from '#base/cache.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { Store } from '#store/open.ts'

const maxLoaded = 1000
/** Bytes of a number in a set. */
const fingerprintBytes = 32

/** Fingerprints of the transactions that a device has used, and whether these are all. */
type Used = { fingerprints: Set<number>; isComplete: boolean }

/**
 * The transaction ids that devices have used, so that a new one costs no query: as numbers, since the texts would take
 * ten times the memory. A device's ids are read once. The store decides where an id may have been used, where a device
 * has too many, or where another process may know better.
 */
export class SentTransactions {
  readonly #store: Store
  /** By user and device; a user id contains no space. */
  readonly #devices: LoadingCache<string, Used>

  constructor(store: Store, caches = new CacheBudget(Infinity)) {
    this.#store = store
    const cache = caches.cache<string, Used>({
      name: 'sent_transactions',
      share: 5,
      weigh: ({ fingerprints }) => fingerprints.size * fingerprintBytes,
    })
    this.#devices = new LoadingCache(cache, (device) => this.#load(device))
  }

  /** The event that the transaction has made already; from now on it counts as used. */
  async claim(transaction: EventTransaction): Promise<EventId | undefined> {
    const device = `${transaction.userId} ${transaction.deviceId}`
    const { fingerprints, isComplete } = await this.#devices.get(device)
    const fingerprint = fingerprintOf(transaction)
    const isNew = isComplete && !fingerprints.has(fingerprint)
    fingerprints.add(fingerprint)
    // Every few sends: what a device sends grows slowly.
    if (fingerprints.size % 32 === 0) this.#devices.reweigh(device)
    return isNew ? undefined : this.#store.rooms.events.byTransaction(transaction)
  }

  async #load(device: string): Promise<Used> {
    const gap = device.indexOf(' ')
    const [userId, deviceId] = [device.slice(0, gap) as UserId, device.slice(gap + 1)]
    const sent = await this.#store.rooms.events.listTransactions({ userId, deviceId }, maxLoaded)
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
