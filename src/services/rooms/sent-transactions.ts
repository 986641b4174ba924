import type { EventId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/events.ts'
import type { Store } from '#store/open.ts'

const maxLoaded = 1000
const maxRemembered = 300_000

type Device = { events: Map<string, EventId>; isComplete: boolean }

/**
 * The transaction ids that devices have used, so that a new one costs no query. A device's ids are read once; where it
 * has too many, or another process may know better, the store decides.
 */
export class SentTransactions {
  readonly #store: Store
  readonly #devices = new Map<string, Promise<Device>>()
  #remembered = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** The event that the transaction has made already. */
  async find(transaction: EventTransaction): Promise<EventId | undefined> {
    const device = await this.#device(transaction)
    const known = device.events.get(keyOf(transaction))
    return known ?? (device.isComplete ? undefined : this.#store.events.byTransaction(transaction))
  }

  async remember(transaction: EventTransaction, eventId: EventId): Promise<void> {
    const device = await this.#device(transaction)
    device.events.set(keyOf(transaction), eventId)
    if (++this.#remembered <= maxRemembered) return
    this.#devices.clear()
    this.#remembered = 0
  }

  #device({ userId, deviceId }: EventTransaction): Promise<Device> {
    const name = `${userId} ${deviceId}`
    const known = this.#devices.get(name)
    if (known) return known
    const loading = this.#load(userId, deviceId)
    this.#devices.set(name, loading)
    loading.catch(() => this.#devices.delete(name))
    return loading
  }

  async #load(userId: string, deviceId: string): Promise<Device> {
    const sent = await this.#store.events.listTransactions({ userId, deviceId }, maxLoaded)
    this.#remembered += sent.length
    return { events: new Map(sent.map((one) => [keyOf(one), one.eventId])), isComplete: sent.length < maxLoaded }
  }
}

const keyOf = ({ scope, transactionId }: Pick<EventTransaction, 'scope' | 'transactionId'>): string =>
  `${scope}\0${transactionId}`
