import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { Store } from '#store/open.ts'
import { entriesByUser, type UserId } from '#protocol/ids.ts'

/** The account data in which a user keeps the list. */
export const ignoredUsersType = 'm.ignored_user_list'

const nobody: ReadonlySet<UserId> = new Set()

/** Whom users who were looked at lately ignore. https://spec.matrix.org/v1.19/client-server-api/#ignoring-users */
export class IgnoredUsers {
  readonly #store: Store
  readonly #capacity: number
  /** The least recently used first. */
  readonly #lists = new Map<UserId, Promise<ReadonlySet<UserId>>>()

  constructor(store: Store, capacity = 20_000) {
    this.#store = store
    this.#capacity = capacity
  }

  /** The same object as long as the list has not changed. */
  of(userId: UserId): Promise<ReadonlySet<UserId>> {
    const list = this.#lists.get(userId) ?? this.#load(userId)
    this.#lists.delete(userId)
    this.#lists.set(userId, list)
    const [oldest] = this.#lists.keys()
    if (this.#lists.size > this.#capacity && oldest !== undefined) this.#lists.delete(oldest)
    return list
  }

  /** What is being read at this moment may be of before the change: it is read again. */
  forget(userId: UserId): void {
    this.#lists.delete(userId)
  }

  #load(userId: UserId): Promise<ReadonlySet<UserId>> {
    const loading = this.#read(userId)
    loading.catch(() => {
      if (this.#lists.get(userId) === loading) this.#lists.delete(userId)
    })
    return loading
  }

  async #read(userId: UserId): Promise<ReadonlySet<UserId>> {
    const content = await this.#store.accounts.accountData.find({ userId, roomId: '', type: ignoredUsersType })
    const list = content === undefined ? undefined : (JSON.parse(content) as JsonObject).ignored_users
    if (!isObject(list) || Object.keys(list).length === 0) return nobody
    // Nobody can ignore themselves.
    return new Set(entriesByUser(list).flatMap(([ignored]) => (ignored === userId ? [] : ignored)))
  }
}
