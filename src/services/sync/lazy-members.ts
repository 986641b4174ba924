const maxRemembered = 5000

/** Which members a device has been told of in a room, so that lazy loading does not repeat them. Forgetting only repeats. */
export class LazyMembers {
  readonly #told = new Map<string, Set<string>>()

  /** The users the device has not been told of yet; they count as told from now on. */
  take(device: string, roomId: string, users: readonly string[]): string[] {
    const key = `${device} ${roomId}`
    const told = this.#told.get(key) ?? new Set()
    this.#told.delete(key)
    this.#told.set(key, told)
    this.#forgetOldest()
    const untold = users.filter((user) => !told.has(user))
    for (const user of untold) told.add(user)
    return untold
  }

  /** The device starts anew. */
  forget(device: string, roomId: string): void {
    this.#told.delete(`${device} ${roomId}`)
  }

  #forgetOldest(): void {
    const [oldest] = this.#told.keys()
    if (this.#told.size > maxRemembered && oldest !== undefined) this.#told.delete(oldest)
  }
}
