import { setImmediate as nextTurn } from 'node:timers/promises'

/** So many of the usual small pieces of work take a few milliseconds. */
const atOnce = 1000

/** As `map`, but yields to the event loop now and then in a long list. */
export async function mapInTurns<T, R>(items: readonly T[], work: (item: T) => R): Promise<R[]> {
  const results: R[] = []
  for (const item of items) {
    if (results.length > 0 && results.length % atOnce === 0) await nextTurn()
    results.push(work(item))
  }
  return results
}
