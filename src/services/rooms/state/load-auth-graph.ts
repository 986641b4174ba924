import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import type { AuthGraph } from './auth-graph.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** The room's auth graph as it is on disk; it stays with the live room, and later calls read only what is new. */
export async function loadAuthGraph({ store }: Pick<Context, 'store'>, room: LiveRoom): Promise<AuthGraph> {
  const graph = room.openAuthGraph()
  for (const direction of ['down', 'up'] as const) {
    for (;;) {
      const from = direction === 'up' ? graph.top : graph.bottom
      const events = await store.rooms.authIndex.page(nidOf(room), { from, direction })
      if (events.length === 0) break
      for (const event of events) graph.add(event)
      await nextTurn()
    }
  }
  return graph
}
