import type { Context } from '#context.ts'
import { deviceKey, syncStreams, type SyncStream } from '#services/sync/streams.ts'
import type { SyncRequest } from './sync-request.ts'

/** The keys under which a request hears of news. */
export const keysOf = ({ userId, deviceId }: Pick<SyncRequest, 'userId' | 'deviceId'>): string[] =>
  deviceId === undefined ? [userId] : [userId, deviceKey({ userId, deviceId })]

/** Streams of which the filter lets nothing through. */
export const ignoredStreams = ({ presence, ephemeral }: SyncRequest['filter']): SyncStream[] => [
  ...(presence.matchesNothing ? (['presence'] as const) : []),
  ...(ephemeral.matchesNothing ? (['typing'] as const) : []),
]

const all: ReadonlySet<SyncStream> = new Set(syncStreams)

/**
 * The streams that may hold something new since the token: only these are read, and only their positions move on. A
 * token that this process did not write says nothing about them. Whoever's membership changed may bring the receipts,
 * account data and presence of rooms and users that are new to the reader: then all streams are read.
 */
export function movedStreams(
  ctx: Pick<Context, 'waiters' | 'processId'>,
  request: SyncRequest,
): ReadonlySet<SyncStream> {
  const { since, fullState } = request
  if (!since || fullState || since.process !== ctx.processId) return all
  const moved = new Set(keysOf(request).flatMap((key) => ctx.waiters.movedSince(key, since.moment)))
  for (const stream of ignoredStreams(request.filter)) moved.delete(stream)
  return moved.has('members') ? all : moved
}
