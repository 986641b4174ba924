import type { EventId, ServerName } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { checkEvents } from './check-events.ts'
import { inOrder } from './in-order.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'
import { settledRoom } from './settled-room.ts'
import { storeOutliers } from './store-outliers.ts'

const sliceSize = 500

/**
 * Fetches the state before an event whose past cannot be had, as the origin tells it, and stores its events as outliers.
 * Answers the ids of the state; undefined where the origin does not tell.
 */
export async function importStateBefore(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { origin, eventId }: { origin: ServerName; eventId: EventId },
): Promise<readonly EventId[] | undefined> {
  const source = { origin, roomId: room.roomId }
  const told = await ctx.missingEvents.fetchStateIds(source, eventId)
  if (!told || told.state.length === 0) return undefined
  const wanted = [...new Set([...told.authChain, ...told.state])]
  const stored = new Set<EventId>()
  const fetched = new Map<EventId, CheckedEvent>()
  for (let start = 0; start < wanted.length; start += sliceSize) {
    const slice = wanted.slice(start, start + sliceSize)
    for (const event of await ctx.store.rooms.events.findMany(slice)) stored.add(event.eventId)
    const missing = slice.filter((id) => !stored.has(id))
    if (missing.length === 0) continue
    for (const event of await checkEvents(ctx, await ctx.missingEvents.fetchEvents(source, missing), room))
      fetched.set(event.eventId, event)
  }
  await ctx.rooms.inTurn(room.roomId, async () => {
    const now = await settledRoom(ctx, room.roomId)
    await storeOutliers(ctx, now, await inOrder(fetched, now.version))
  })
  return told.state
}
