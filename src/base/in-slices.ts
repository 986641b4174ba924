import { setImmediate as nextTurn } from 'node:timers/promises'

/** The items in order, so many at a time; the last slice may be shorter. */
export function* inSlices<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

/** The same for long work: other requests get a turn of the event loop between slices. */
export async function* inSlicesWithPauses<Item>(items: readonly Item[], size: number): AsyncGenerator<Item[]> {
  let isFirst = true
  for (const slice of inSlices(items, size)) {
    if (!isFirst) await nextTurn()
    isFirst = false
    yield slice
  }
}
