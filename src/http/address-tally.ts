/** What is held for each address, and in all. */
export class AddressTally {
  readonly #byAddress = new Map<string, number>()
  #inAll = 0

  get inAll(): number {
    return this.#inAll
  }

  of(address: string): number {
    return this.#byAddress.get(address) ?? 0
  }

  /** A negative number gives back; addresses for which nothing is held are forgotten. */
  add(address: string, number: number): void {
    const now = this.of(address) + number
    this.#inAll += number
    if (now > 0) this.#byAddress.set(address, now)
    else this.#byAddress.delete(address)
  }
}
