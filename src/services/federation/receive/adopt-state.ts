import type { EventId, ServerName } from '#protocol/ids.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { checkEvents } from './check-events.ts'
import { inOrder } from './in-order.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'
import { settledLine } from './settled-line.ts'
import { storeOutliers } from './store-outliers.ts'

const sliceSize = 500

/**
 * Fetches the state before an event whose past cannot be had, as the origin tells it, and stores its events as outliers.
 * Answers the ids of the state; undefined where the origin does not tell.
 */
export async function adoptState(
  ctx: ReceiveNeeds,
  line: RoomLine,
  { origin, eventId }: { origin: ServerName; eventId: EventId },
): Promise<readonly EventId[] | undefined> {
  const source = { origin, roomId: line.roomId }
  const told = await ctx.missingEvents.fetchStateIds(source, eventId)
  if (!told || told.state.length === 0) return undefined
  const wanted = [...new Set([...told.authChain, ...told.state])]
  const stored = new Set<EventId>()
  const fetched = new Map<EventId, CheckedEvent>()
  for (let start = 0; start < wanted.length; start += sliceSize) {
    const slice = wanted.slice(start, start + sliceSize)
    for (const event of await ctx.store.events.findMany(slice)) stored.add(event.eventId)
    const missing = slice.filter((id) => !stored.has(id))
    if (missing.length === 0) continue
    for (const event of await checkEvents(ctx, await ctx.missingEvents.fetchEvents(source, missing), line))
      fetched.set(event.eventId, event)
  }
  await ctx.rooms.inTurn(line.roomId, async () => {
    const now = await settledLine(ctx, line.roomId)
    await storeOutliers(ctx, now, await inOrder(fetched, now.version))
  })
  return told.state
}
