import { authEventIds, prevEventIds, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { MissingEvents, ReceiveResult, Source } from '#services/federation/receive/ports.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { openStore } from '#store/open.ts'
import { fakeClock } from '../server/clock.ts'
import { createTestDatabase } from '../server/databases.ts'
import { receivingContext, silent, type ReceivingContext } from './receive-needs.ts'

/** Events that exist somewhere, and can be asked for. */
export type Elsewhere = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu> }

/** A server that has everything and answers honestly. */
export function answeringFrom({ version, events }: Elsewhere): MissingEvents {
  const found = (ids: Iterable<EventId>): JsonValue[] =>
    [...ids].map((id) => events.get(id) as JsonValue | undefined).filter((event) => event !== undefined)
  return {
    fetchEvents: async (_source, ids) => found(ids),
    fetchMissing: async (_source, { earliest, latest, limit }) => {
      const known = new Set(earliest)
      const answer = new Set<EventId>()
      const pending = [...latest]
      for (const id of pending) {
        const pdu = events.get(id)
        for (const prev of pdu ? prevEventIds(pdu, version) : [])
          if (!known.has(prev) && !answer.has(prev) && answer.size < limit) {
            answer.add(prev)
            pending.push(prev)
          }
      }
      return found(answer)
    },
    fetchStateIds: async () => undefined,
    fetchState: async () => [],
  }
}

/** The same for several rooms, of which there may be more later. */
export function answeringFromAll(rooms: ReadonlyMap<RoomId, Elsewhere>): MissingEvents {
  const answering = ({ roomId }: Source): MissingEvents => {
    const room = rooms.get(roomId)
    return room ? answeringFrom(room) : silent
  }
  return {
    fetchEvents: (source, ids) => answering(source).fetchEvents(source, ids),
    fetchMissing: (source, between) => answering(source).fetchMissing(source, between),
    fetchStateIds: (source, eventId) => answering(source).fetchStateIds(source, eventId),
    fetchState: (source, eventId) => answering(source).fetchState(source, eventId),
  }
}

export type ReceivingServer = AsyncDisposable & {
  ctx: ReceivingContext
  /** Where its database is. */
  url: string
  open(room: { roomId: RoomId; version: RoomVersion; create: Pdu }): Promise<ReceiveResult>
  receive(roomId: RoomId, pdu: unknown, origin?: ServerName): Promise<ReceiveResult>
  line(roomId: RoomId): Promise<LiveRoom>
  /** The room as a process that has just started reads it. */
  lineFromDisk(roomId: RoomId): Promise<LiveRoom>
  /** Another process over the same database, with nothing in memory yet. */
  beside(missingEvents?: MissingEvents): Promise<ReceivingServer>
}

/** As much of a server as events of others need, over a fresh database. */
export async function startReceiving(missingEvents: MissingEvents = silent): Promise<ReceivingServer> {
  const database = await createTestDatabase()
  const server = await startProcess(database, missingEvents)
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await database.remove()
    },
  }
}

async function startProcess(database: { url: string }, missingEvents: MissingEvents): Promise<ReceivingServer> {
  const clock = fakeClock()
  const store = await openStore({ url: database.url, poolSize: 4, now: () => clock.now() })
  const ctx = receivingContext(store, { serverName: 'test', clock, missingEvents })
  return {
    ctx,
    url: database.url,
    open: ({ create, ...room }) => openRemoteRoom(ctx, { ...room, create: create as unknown as JsonValue }),
    receive: (roomId, pdu, origin = 's0.test') => receiveEvent(ctx, { origin, roomId, pdu: pdu as JsonValue }),
    line: async (roomId) => (await ctx.rooms.findStored(roomId))!,
    lineFromDisk: async (roomId) => (await new LiveRooms(store, 'test').findStored(roomId))!,
    beside: (others = missingEvents) => startProcess(database, others),
    async [Symbol.asyncDispose]() {
      await ctx.bus.close()
      await store.close()
    },
  }
}

/** All ancestors of an event, and its full auth chain. */
export function ancestorsOf(id: EventId, { version, events }: Elsewhere): Set<EventId> {
  const ancestors = new Set<EventId>([id])
  for (const each of ancestors) {
    const pdu = events.get(each)
    if (pdu) for (const prev of prevEventIds(pdu, version)) ancestors.add(prev)
  }
  return ancestors
}

/** Auth events that an event does not come after. */
export function citedFromElsewhere(id: EventId, elsewhere: Elsewhere): EventId[] {
  const ancestors = ancestorsOf(id, elsewhere)
  const pdu = elsewhere.events.get(id)
  return pdu ? authEventIds(pdu, elsewhere.version).filter((auth) => !ancestors.has(auth)) : []
}
