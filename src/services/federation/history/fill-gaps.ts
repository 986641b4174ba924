import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { serversIn } from '#services/rooms/membership/is-elsewhere.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import type { HistoryGap } from '#store/rooms/history-gaps.ts'
import { fetchHistory } from './fetch-history.ts'
import { takeHistory } from './take-history.ts'

/** Servers that are asked for one piece of history. */
const maxServers = 5

/** The newest gap of a room that lies between two positions and is not closed. */
export async function openGap(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  { after, upTo }: { after: number; upTo: number },
): Promise<HistoryGap | undefined> {
  const gaps = await store.rooms.gaps.list(nidOf(room))
  return gaps.find(
    ({ edges, nextPosition, firstPosition }) =>
      edges.length > 0 &&
      nextPosition >= Math.max(firstPosition, room.purgedUpTo + 1) &&
      nextPosition <= upTo &&
      nextPosition > after,
  )
}

/**
 * Fetches some events into a gap from servers in the room, one server after the other until one has some. Answers whether
 * anything came in. One at a time for each room.
 */
export function fillGap(ctx: Context, room: LiveRoom, { position }: Pick<HistoryGap, 'position'>): Promise<boolean> {
  return ctx.locks.run(`history of ${room.roomId}`, async () => {
    if (ctx.historyPauses.isPaused(room.roomId, ctx.clock.now())) return false
    for (const server of serversToAsk(ctx, room)) {
      const gap = (await ctx.store.rooms.gaps.list(nidOf(room))).find((one) => one.position === position)
      if (!gap || gap.edges.length === 0) return false
      if (await fillFrom(ctx, room, { server, gap })) return true
    }
    ctx.historyPauses.pause(room.roomId, ctx.clock.now())
    return false
  })
}

/** Those with the most users in the room, the creator's first of all: most likely they have all of it. */
export function serversToAsk(ctx: Pick<Context, 'config' | 'serverAccess'>, room: LiveRoom): ServerName[] {
  return serversIn(ctx, room)
    .filter((server) => ctx.serverAccess(server))
    .slice(0, maxServers)
}

async function fillFrom(
  ctx: Context,
  room: LiveRoom,
  { server, gap }: { server: ServerName; gap: HistoryGap },
): Promise<boolean> {
  const needs = receiveNeeds(ctx)
  const fetched = await fetchHistory(needs, room, { server, edges: gap.edges })
  if (!gap.edges.some((id) => fetched.events.has(id))) return false
  const taken = await retryWhileStale(() =>
    ctx.rooms.inTurn(room.roomId, async (turn) => {
      const now = await turn.settledRoom()
      const current = (await ctx.store.rooms.gaps.list(nidOf(now))).find((one) => one.position === gap.position)
      return current ? takeHistory(needs, turn, { room: now, gap: current, fetched }) : 0
    }),
  )
  return taken > 0
}
