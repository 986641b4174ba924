import { authEventIds } from '#protocol/events/event.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import { checkEvents } from '#services/federation/receive/check-events.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import type { ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { askServer, type RemoteNeeds } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { Log } from '#base/log.ts'

export type FetchNeeds = ReceiveNeeds & RemoteNeeds & { log: Log }

/** Events that are asked for at once, and from how many events on. */
const maxEvents = 100
const maxEdges = 20
/** Auth events that are fetched for them, in so many rounds. */
const maxAuthEvents = 200
const maxAuthRounds = 5

const timeoutMs = 20_000
const maxBytes = 16_777_216

/** Events of a room's past, and auth events of theirs that were not here; checks 1 to 3 are done. */
export type FetchedHistory = { events: Map<EventId, CheckedEvent>; authEvents: Map<EventId, CheckedEvent> }

/** Asks a server for the events at these edges and those before; empty where it has none. */
export async function fetchHistory(
  ctx: FetchNeeds,
  room: LiveRoom,
  { server, edges }: { server: ServerName; edges: readonly EventId[] },
): Promise<FetchedHistory> {
  const pdus = await askForPdus(ctx, room, { server, edges })
  const events = byId(await checkEvents(ctx, pdus.slice(0, maxEvents), room))
  return { events, authEvents: await fetchAuthEvents(ctx, room, { server, events }) }
}

async function askForPdus(
  ctx: FetchNeeds,
  { roomId }: LiveRoom,
  { server, edges }: { server: ServerName; edges: readonly EventId[] },
): Promise<JsonValue[]> {
  try {
    const answer = await askServer(ctx, {
      destination: server,
      method: 'GET',
      path: ['_matrix', 'federation', 'v1', 'backfill', roomId],
      query: { v: edges.slice(0, maxEdges), limit: maxEvents },
      timeoutMs,
      maxBytes,
    })
    return isObject(answer) && Array.isArray(answer.pdus) ? answer.pdus : []
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    ctx.log.debug('history could not be had', { destination: server, error })
    return []
  }
}

async function fetchAuthEvents(
  ctx: FetchNeeds,
  room: LiveRoom,
  { server, events }: { server: ServerName; events: ReadonlyMap<EventId, CheckedEvent> },
): Promise<Map<EventId, CheckedEvent>> {
  const fetched = new Map<EventId, CheckedEvent>()
  const asked = new Set<EventId>()
  for (let round = 0; round < maxAuthRounds && asked.size < maxAuthEvents; round++) {
    const cited = [...events.values(), ...fetched.values()].flatMap(({ pdu }) => authEventIds(pdu, room.version))
    const unknown = [...new Set(cited)].filter((id) => !events.has(id) && !fetched.has(id) && !asked.has(id))
    const stored = new Set((await ctx.store.rooms.events.findMany(unknown)).map(({ eventId }) => eventId))
    const missing = unknown.filter((id) => !stored.has(id)).slice(0, maxAuthEvents - asked.size)
    if (missing.length === 0) break
    for (const id of missing) asked.add(id)
    const values = await ctx.missingEvents.fetchEvents({ origin: server, roomId: room.roomId }, missing)
    for (const [id, event] of byId(await checkEvents(ctx, values, room))) fetched.set(id, event)
  }
  return fetched
}

const byId = (events: readonly CheckedEvent[]): Map<EventId, CheckedEvent> =>
  new Map(events.map((event) => [event.eventId, event]))
