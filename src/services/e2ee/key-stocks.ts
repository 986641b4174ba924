import type { UserId } from '#protocol/ids.ts'
import { LRUCache } from 'lru-cache'
import type { Store } from '#store/open.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'

const maxDevices = 50_000

type Device = { userId: UserId; deviceId: string }

/** What devices that sync have left to hand out: every answer of /sync names it, and it seldom changes. */
export class KeyStocks {
  readonly #store: Store
  readonly #stocks: LRUCache<string, Promise<KeyStock>>

  constructor(store: Store, max = maxDevices) {
    this.#store = store
    this.#stocks = new LRUCache({ max })
  }

  of(device: Device): Promise<KeyStock> {
    return this.#stocks.get(keyOf(device)) ?? this.#load(device)
  }

  /** A read that is under way may be of before the change: the next one reads again. */
  forget(device: Device): void {
    this.#stocks.delete(keyOf(device))
  }

  #load(device: Device): Promise<KeyStock> {
    const key = keyOf(device)
    const loading = this.#store.e2ee.oneTimeKeys.stock(device.userId, device.deviceId)
    loading.catch(() => {
      if (this.#stocks.peek(key) === loading) this.#stocks.delete(key)
    })
    this.#stocks.set(key, loading)
    return loading
  }
}

const keyOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`
