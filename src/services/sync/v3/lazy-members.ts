import type { RoomId, UserId } from '#protocol/ids.ts'
const maxRemembered = 5000

/** Since when: what the client has acknowledged; up to: where the answer in the making ends. */
type Span = { since: number; upTo: number }

/** Which members a device has been told of in a room, so that lazy loading does not repeat them. Forgetting only repeats. */
export class LazyMembers {
  /** By device and room: users, and the position at which the answer ended that told of them. */
  readonly #told = new Map<string, Map<UserId, number>>()

  /** The users the device has not been told of yet; they count as told once it goes on from this answer. */
  take([device, roomId]: readonly [string, string], users: readonly UserId[], { since, upTo }: Span): UserId[] {
    const key = `${device} ${roomId}`
    const told = this.#told.get(key) ?? new Map<UserId, number>()
    this.#told.delete(key)
    this.#told.set(key, told)
    this.#forgetOldest()
    const untold = users.filter((user) => (told.get(user) ?? Infinity) > since)
    for (const user of untold) told.set(user, upTo)
    return untold
  }

  /** The device starts anew. */
  forget(device: string, roomId: RoomId): void {
    this.#told.delete(`${device} ${roomId}`)
  }

  #forgetOldest(): void {
    const [oldest] = this.#told.keys()
    if (this.#told.size > maxRemembered && oldest !== undefined) this.#told.delete(oldest)
  }
}
