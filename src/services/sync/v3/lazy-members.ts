import type { Cache, CacheBudget } from '#base/cache.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** Bytes of a user id with its position in a map. */
const memberBytes = 120

/** Since when: what the client has acknowledged; up to: where the answer in the making ends. */
type Span = { since: number; upTo: number }

/**
 * The members that a device has got in a room, so that lazy loading does not repeat them. Evicted ones are repeated.
 */
export class LazyMembers {
  /** By device and room: users, and the position of the response that included them. */
  readonly #sent: Cache<string, Map<UserId, number>>

  constructor(caches: CacheBudget) {
    this.#sent = caches.cache({ name: 'lazy_members', share: 5, weigh: ({ size }) => size * memberBytes })
  }

  /** The users the device has not got yet; they count as sent once it continues from this response. */
  take([device, roomId]: readonly [string, string], users: readonly UserId[], { since, upTo }: Span): UserId[] {
    const key = `${device} ${roomId}`
    const sent = this.#sent.get(key) ?? new Map<UserId, number>()
    const unsent = users.filter((user) => (sent.get(user) ?? Infinity) > since)
    for (const user of unsent) sent.set(user, upTo)
    if (unsent.length > 0) this.#sent.set(key, sent)
    return unsent
  }

  /** The device starts anew. */
  forget(device: string, roomId: RoomId): void {
    this.#sent.delete(`${device} ${roomId}`)
  }
}
