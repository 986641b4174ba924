import { MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidEventId, type EventId, type ServerName } from '#protocol/ids.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { lastReadable, type Reading } from '#services/rooms/read/open-reading.ts'
import { findEventByTimestamp } from '#services/rooms/read/timestamp-to-event.ts'
import type { Direction } from '#services/rooms/read/timeline.ts'
import { fillGap, openGap, serversToAsk } from './fill-gaps.ts'

type Moment = { ts: number; direction: Direction }
type Found = { eventId: EventId; originServerTs: number }

/** Servers that are asked, and how often history is fetched to get to the event. */
const maxServers = 3
const maxFetches = 10

const timeoutMs = 10_000

/**
 * The visible event closest to a moment; where the room has gaps, also of those that other servers have. Such an event is
 * fetched with all that lies between, as far as that is not too much, so that clients can page from it on.
 */
export async function findByTimestamp(ctx: Context, reading: Reading, moment: Moment): Promise<Found> {
  const here = await findEventByTimestamp(ctx, reading, moment).catch((error: unknown) => {
    if (error instanceof MatrixError && error.status === 404) return error
    throw error
  })
  const elsewhere = await askOthers(ctx, reading, moment)
  if (here instanceof MatrixError) {
    if (!elsewhere) throw here
  } else if (!elsewhere || !isCloser(moment, elsewhere, here)) return here
  const isHere = await fetchTo(ctx, reading, elsewhere.eventId)
  // Once it is here, what the reader may see of it is known.
  return isHere ? findEventByTimestamp(ctx, reading, moment) : elsewhere
}

async function askOthers(ctx: Context, reading: Reading, moment: Moment): Promise<Found | undefined> {
  const { room } = reading
  if (!ctx.config.federation.enabled || !(await openGap(ctx, room, { after: 0, upTo: lastReadable(reading) })))
    return undefined
  for (const server of serversToAsk(ctx, room).slice(0, maxServers)) {
    const found = await askFor(ctx, server, { ...moment, roomId: room.roomId })
    if (found) return found
  }
  return undefined
}

async function askFor(
  ctx: Context,
  destination: ServerName,
  { roomId, ts, direction }: Moment & { roomId: string },
): Promise<Found | undefined> {
  try {
    const { event_id: eventId, origin_server_ts: originServerTs } = await askServer(ctx, {
      destination,
      method: 'GET',
      path: ['_matrix', 'federation', 'v1', 'timestamp_to_event', roomId],
      query: { ts, dir: direction === 'forwards' ? 'f' : 'b' },
      timeoutMs,
    })
    if (typeof eventId !== 'string' || !isValidEventId(eventId) || typeof originServerTs !== 'number') return undefined
    const isAsAsked = direction === 'forwards' ? originServerTs >= ts : originServerTs <= ts
    return isAsAsked ? { eventId, originServerTs } : undefined
  } catch (error) {
    if (error instanceof RemoteError) return undefined
    throw error
  }
}

/** Of two of one moment that in the gap is older than what is here. */
function isCloser({ ts, direction }: Moment, elsewhere: Found, here: Found): boolean {
  const [far, near] = [Math.abs(elsewhere.originServerTs - ts), Math.abs(here.originServerTs - ts)]
  return far === near ? direction === 'forwards' && elsewhere.eventId !== here.eventId : far < near
}

async function fetchTo(ctx: Context, reading: Reading, eventId: EventId): Promise<boolean> {
  const { room } = reading
  for (let fetches = 0; fetches < maxFetches; fetches++) {
    if ((await ctx.store.rooms.events.find(eventId))?.status === 'accepted') return true
    const gap = await openGap(ctx, room, { after: 0, upTo: lastReadable(reading) })
    if (!gap || !(await fillGap(ctx, room, gap))) return false
  }
  return false
}
