import type { UserId } from '#protocol/ids.ts'
import type { Store } from '#store/open.ts'

/**
 * Who of this server's users had their accounts erased: whoever was not in the room reads their events redacted.
 * All of them are in memory, for every event that is read is asked about.
 */
export class ErasedUsers {
  readonly #store: Pick<Store, 'accounts'>
  readonly #erased = new Set<UserId>()
  #loaded: Promise<void> | undefined

  constructor(store: Pick<Store, 'accounts'>) {
    this.#store = store
  }

  /** The same object at all times. */
  async all(): Promise<ReadonlySet<UserId>> {
    this.#loaded ??= this.#load()
    await this.#loaded
    return this.#erased
  }

  add(userId: UserId): void {
    this.#erased.add(userId)
  }

  async #load(): Promise<void> {
    try {
      for (const userId of await this.#store.accounts.accounts.erased()) this.#erased.add(userId)
    } catch (error) {
      // The next reader tries again.
      this.#loaded = undefined
      throw error
    }
  }
}
