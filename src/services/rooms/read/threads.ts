import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { lastReadable, type Reading } from './open-reading.ts'
import { nidOf } from './history-intervals.ts'
import { mayRootThread } from './thread-root.ts'
import { scan, type Scanned } from './scan.ts'
import { readableBy, readableEvents } from './readable.ts'

export type ThreadSelection = {
  /** Just after this position. */
  from: number
  limit: number
  /** Only threads the reader started or wrote in. */
  onlyParticipated: boolean
}

/** The roots of a room's threads, the one written to last first. */
export async function listThreads(
  ctx: Pick<Context, 'store'>,
  reading: Reading,
  { from, limit, onlyParticipated }: ThreadSelection,
): Promise<Scanned<StoredEvent>> {
  const { room, userId } = reading
  const upTo = lastReadable(reading)
  const participant = onlyParticipated ? userId : undefined
  const readable = await readableBy(ctx, reading)
  const { items, ...place } = await scan({
    from: Math.min(from, upTo),
    limit,
    read: (position, count) =>
      ctx.store.rooms.relations.threads({
        roomNid: nidOf(room),
        before: position + 1,
        readable,
        limit: count,
        participant,
      }),
    async keep(threads) {
      const roots = await readableEvents(
        ctx,
        reading,
        threads.map(({ root }) => root),
      )
      const visible = new Set(roots.filter(mayRootThread).map(({ position }) => position))
      return threads.filter(({ root }) => visible.has(root.position))
    },
    after: ({ latest }) => latest - 1,
  })
  return { ...place, items: items.map(({ root }) => root) }
}
