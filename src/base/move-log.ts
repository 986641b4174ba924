/** With fewer entries removing outdated ones is not worth it. */
const minEntries = 64

type Entry<Item> = { item: Item; position: number }

/**
 * Which items moved after a position of a stream, at the cost of what moved since. An item counts where it moved last;
 * its older entries are left out of answers and removed from time to time.
 */
export class MoveLog<Item> {
  readonly #newest = new Map<Item, Entry<Item>>()
  /** In the order of their positions. */
  #entries: Entry<Item>[] = []

  get size(): number {
    return this.#newest.size
  }

  /** Positions out of order count as the newest: an item may be reported twice, but is never missed. */
  moved(item: Item, at: number): void {
    const known = this.#newest.get(item)
    if (known && known.position >= at) return
    const last = this.#entries.at(-1)
    const position = Math.max(at, last?.position ?? at)
    if (known && known === last) {
      known.position = position
      return
    }
    const entry = { item, position }
    this.#newest.set(item, entry)
    this.#entries.push(entry)
    if (this.#entries.length > minEntries + 2 * this.#newest.size) this.#compact()
  }

  delete(item: Item): void {
    this.#newest.delete(item)
  }

  /** Items whose last move came after a position, the newest first. */
  since(position: number): Item[] {
    const items: Item[] = []
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index]
      if (!entry || entry.position <= position) break
      if (this.#isNewest(entry)) items.push(entry.item)
    }
    return items
  }

  #isNewest(entry: Entry<Item>): boolean {
    return this.#newest.get(entry.item) === entry
  }

  #compact(): void {
    this.#entries = this.#entries.filter((entry) => this.#isNewest(entry))
  }
}
