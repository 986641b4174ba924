import { setImmediate as nextTurn } from 'node:timers/promises'

/** So many of the usual small pieces of work take a few milliseconds. */
const atOnce = 1000

/** As `map`, but a long list lets other work of the event loop have its turn now and then. */
export async function mapInTurns<T, R>(items: readonly T[], work: (item: T) => R): Promise<R[]> {
  const results: R[] = []
  for (const item of items) {
    if (results.length > 0 && results.length % atOnce === 0) await nextTurn()
    results.push(work(item))
  }
  return results
}
