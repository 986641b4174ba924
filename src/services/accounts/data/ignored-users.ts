import type { CacheBudget } from '#base/cache.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { Store } from '#store/open.ts'
import { entriesByUser, type UserId } from '#protocol/ids.ts'

/** The account data type of the list. */
export const ignoredUsersType = 'm.ignored_user_list'

const none: ReadonlySet<UserId> = new Set()

/** Bytes of a user id in a set. */
const ignoredBytes = 120

/** Recently used lists of ignored users. https://spec.matrix.org/v1.19/client-server-api/#ignoring-users */
export class IgnoredUsers {
  readonly #store: Store
  readonly #lists: LoadingCache<UserId, ReadonlySet<UserId>>

  constructor(store: Store, caches: CacheBudget) {
    this.#store = store
    const cache = caches.cache<UserId, ReadonlySet<UserId>>({
      name: 'ignored_users',
      share: 3,
      weigh: ({ size }) => size * ignoredBytes,
    })
    this.#lists = new LoadingCache(cache, (userId) => this.#read(userId))
  }

  /** The same object as long as the list has not changed. */
  of(userId: UserId): Promise<ReadonlySet<UserId>> {
    return this.#lists.get(userId)
  }

  /** Also invalidates a read in progress, which may have begun before the change. */
  forget(userId: UserId): void {
    this.#lists.forget(userId)
  }

  async #read(userId: UserId): Promise<ReadonlySet<UserId>> {
    const content = await this.#store.accounts.accountData.find({ userId, roomId: '', type: ignoredUsersType })
    const list = content === undefined ? undefined : (JSON.parse(content) as JsonObject).ignored_users
    if (!isObject(list) || Object.keys(list).length === 0) return none
    // Users cannot ignore themselves.
    return new Set(entriesByUser(list).flatMap(([ignored]) => (ignored === userId ? [] : ignored)))
  }
}
