import { setImmediate } from 'node:timers/promises'
import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

/** So many that a query takes a few milliseconds: the state of a large room must not hold up everybody else. */
const sliceSize = 2000

/** The events at some positions, by position, as far as they exist. */
export async function loadEvents(
  { store }: Pick<Context, 'store'>,
  positions: readonly number[],
): Promise<StoredEvent[]> {
  if (positions.length <= sliceSize) return store.rooms.events.atPositions(positions)
  const sorted = positions.toSorted((a, b) => a - b)
  const events: StoredEvent[] = []
  for (let start = 0; start < sorted.length; start += sliceSize) {
    if (start > 0) await setImmediate()
    for (const event of await store.rooms.events.atPositions(sorted.slice(start, start + sliceSize))) events.push(event)
  }
  return events
}
