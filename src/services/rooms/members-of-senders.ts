import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/events.ts'
import type { Reading } from './open-reading.ts'
import { nidOf } from './reader-spans.ts'

/** The member events of those who sent some events, as they stood at the newest of them. */
export async function membersOfSenders(
  ctx: Pick<Context, 'store'>,
  { line }: Reading,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  if (events.length === 0) return []
  const members = [...new Set(events.map(({ sender }) => sender))]
  const newest = events.reduce((most, { position }) => Math.max(most, position), 0)
  return ctx.store.roomState.at([nidOf(line)], newest, { members })
}
