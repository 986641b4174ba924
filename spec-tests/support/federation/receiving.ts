import { systemTokens } from '#base/tokens.ts'
import type { Context } from '#context.ts'
import { authEventIds, prevEventIds, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { KeyId } from '#protocol/events/signing-key.ts'
import type { FindKey } from '#services/remote/server-key.ts'
import type { MissingEvents, ReceiveResult, ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { ServerAcls } from '#services/federation/server-acls.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { SentTransactions } from '#services/rooms/write/sent-transactions.ts'
import { openStore } from '#store/open.ts'
import { localBus } from '#bus/local.ts'
import { fakeClock } from '../server/clock.ts'
import { createTestDatabase } from '../server/databases.ts'
import { keyOf } from '../generators/server-keys.ts'

/** Finds the key that a server of the tests has under any key id; it never expires. */
export const findTestKey: FindKey = async (server, keyId) => ({
  ...keyOf(server, keyId as KeyId),
  validUntil: Infinity,
})

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
  }
}

/** A server that has nothing. */
export const silent: MissingEvents = {
  fetchEvents: async () => [],
  fetchMissing: async () => [],
  fetchStateIds: async () => undefined,
}

export type ReceivingContext = ReceiveNeeds & Pick<Context, 'config'>

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
  const ctx = {
    store,
    clock,
    bus: localBus(),
    rooms: new LiveRooms(store, 'test'),
    sentTransactions: new SentTransactions(store),
    signingKey: keyOf('test'),
    tokens: systemTokens,
    config: { server_name: 'test' } as Context['config'],
    findKey: findTestKey,
    missingEvents,
    serverAcls: new ServerAcls(),
  }
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
