import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { AuthGraph } from './auth-graph.ts'
import { nidOf } from '#services/rooms/read/reader-spans.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** The room's auth graph as it stands on disk; it stays with the line, and later calls read only what is new. */
export async function loadAuthGraph({ store }: Pick<Context, 'store'>, line: RoomLine): Promise<AuthGraph> {
  const graph = (line.authGraph ??= new AuthGraph())
  for (const direction of ['down', 'up'] as const) {
    for (;;) {
      const from = direction === 'up' ? graph.top : graph.bottom
      const events = await store.authIndex.page(nidOf(line), { from, direction })
      if (events.length === 0) break
      for (const event of events) graph.add(event)
      await nextTurn()
    }
  }
  return graph
}
