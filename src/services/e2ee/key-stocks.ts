import type { CacheBudget } from '#base/cache.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import type { UserId } from '#protocol/ids.ts'
import type { Store } from '#store/open.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'

/** Bytes of the counts of a device. */
const stockBytes = 600

type Device = { userId: UserId; deviceId: string }

/** Key counts of devices that sync: every sync response has them, and they seldom change. */
export class KeyStocks {
  /** By user and device; a user id contains no space. */
  readonly #stocks: LoadingCache<string, KeyStock>

  constructor(store: Store, caches: CacheBudget) {
    const cache = caches.cache<string, KeyStock>({ name: 'key_stocks', share: 3, weigh: () => stockBytes })
    this.#stocks = new LoadingCache(cache, (device) => {
      const gap = device.indexOf(' ')
      return store.e2ee.oneTimeKeys.stock(device.slice(0, gap) as UserId, device.slice(gap + 1))
    })
  }

  of(device: Device): Promise<KeyStock> {
    return this.#stocks.get(keyOf(device))
  }

  /** Also invalidates a read in progress, which may have begun before the change. */
  forget(device: Device): void {
    this.#stocks.forget(keyOf(device))
  }
}

const keyOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`
