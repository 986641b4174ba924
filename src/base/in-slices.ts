/** The items in order, so many at a time; the last slice may be shorter. */
export function* inSlices<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
