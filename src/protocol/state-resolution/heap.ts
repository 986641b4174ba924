/** A binary heap: takes in any order, gives the least first. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #isLess: (a: T, b: T) => boolean

  constructor(isLess: (a: T, b: T) => boolean) {
    this.#isLess = isLess
  }

  push(item: T): void {
    const items = this.#items
    let hole = items.length
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (!this.#isLess(item, items[parent]!)) break
      items[hole] = items[parent]!
      hole = parent
    }
    items[hole] = item
  }

  pop(): T | undefined {
    const least = this.#items[0]
    const last = this.#items.pop()
    if (last !== undefined && this.#items.length > 0) this.#sink(last)
    return least
  }

  /** Finds the place of an item from the top, where there is a hole. */
  #sink(item: T): void {
    const items = this.#items
    let hole = 0
    for (let child = 1; child < items.length; child = 2 * hole + 1) {
      const right = child + 1
      if (right < items.length && this.#isLess(items[right]!, items[child]!)) child = right
      if (!this.#isLess(items[child]!, item)) break
      items[hole] = items[child]!
      hole = child
    }
    items[hole] = item
  }
}
