import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { AuthGraph } from './auth-graph.ts'
import { nidOf } from './reader-spans.ts'
import type { RoomLine } from './room-line.ts'

/** So many rows keep the event loop for some milliseconds. */
const pageSize = 4000

/** The room's auth graph as it stands on disk; it stays with the line, and later calls read only what is new. */
export async function loadAuthGraph({ store }: Pick<Context, 'store'>, line: RoomLine): Promise<AuthGraph> {
  const graph = (line.authGraph ??= new AuthGraph())
  for (const direction of ['down', 'up'] as const) {
    for (let isWhole = false; !isWhole;) {
      const from = direction === 'up' ? graph.top : graph.bottom
      const events = await store.authIndex.page(nidOf(line), { from, direction, limit: pageSize })
      for (const event of events) graph.add(event)
      isWhole = events.length < pageSize
      if (!isWhole) await nextTurn()
    }
  }
  return graph
}
