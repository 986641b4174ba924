import assert from 'node:assert/strict'
import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import type { EventStatus, StoredEvent } from '#store/rooms/events.ts'
import { generateHistory, type History } from '../../../support/generators/history-generator.ts'
import {
  answeringFromAll,
  citedFromElsewhere,
  startReceiving,
  type Elsewhere,
  type ReceivingServer,
} from '../../../support/federation/receiving.ts'
import { SeededRandom } from '../../../support/generators/seeded-random.ts'

/** Any order but for one thing: what is cited from outside an event's past is judged at its place only if it is there. */
function arrivalOrder({ room }: History, random: SeededRandom): EventId[] {
  const { version, replay } = room
  const order: EventId[] = []
  const seen = new Set<EventId>()
  const arrive = (id: EventId) => {
    if (seen.has(id)) return
    seen.add(id)
    for (const each of [id, ...ancestors(id)])
      for (const cited of citedFromElsewhere(each, { version, events: replay.events })) arrive(cited)
    order.push(id)
  }
  const ancestors = (id: EventId): EventId[] =>
    prevEventIds(replay.events.get(id)!, version).filter((prev) => !seen.has(prev))
  for (const id of random.shuffled(room.order)) arrive(id)
  return order
}

async function receiveAll(server: ReceivingServer, { room }: History, order: readonly EventId[]): Promise<LiveRoom> {
  const { replay, roomId } = room
  await server.open(room)
  for (const id of order) await server.receive(roomId, replay.events.get(id))
  return server.line(roomId)
}

const stateOf = (room: LiveRoom) => new Map([...room.state].map(([key, { eventId }]) => [key, eventId]))

const sorted = (state: Iterable<[string, string]>) => [...state].sort(([one], [other]) => (one < other ? -1 : 1))

async function storedEvents(server: ReceivingServer, ids: readonly EventId[]): Promise<Map<EventId, StoredEvent>> {
  return new Map((await server.ctx.store.rooms.events.findMany(ids)).map((event) => [event.eventId, event]))
}

/** Accepted events that no accepted event follows, directly or past events that were not accepted. */
function headsAmong(
  events: ReadonlyMap<EventId, Pdu>,
  version: History['room']['version'],
  statusOf: (id: EventId) => EventStatus,
) {
  const followed = new Set<EventId>()
  for (const [id, pdu] of events) {
    if (statusOf(id) !== 'accepted') continue
    const behind = new Set(prevEventIds(pdu, version))
    for (const prev of behind)
      if (statusOf(prev) === 'accepted') followed.add(prev)
      else for (const further of prevEventIds(events.get(prev)!, version)) behind.add(further)
  }
  return [...events.keys()].filter((id) => statusOf(id) === 'accepted' && !followed.has(id))
}

/** Fails unless the server, which received the history in some order, holds what the protocol makes of it. */
async function assertReceived(server: ReceivingServer, history: History, random: SeededRandom): Promise<void> {
  const { order, roomId, replay, version } = history.room
  const room = await receiveAll(server, history, arrivalOrder(history, random))
  const stored = await storedEvents(server, order)
  const rejected = order.filter((each) => stored.get(each)?.status === 'rejected')
  assert.deepEqual(new Set(rejected), replay.rejected)
  assert.ok(order.every((each) => ['accepted', 'soft-failed', 'rejected'].includes(stored.get(each)?.status ?? '')))
  const heads = headsAmong(replay.events, version, (each) => stored.get(each)!.status)
  assert.deepEqual(new Set(room.forwardExtremities), new Set(heads))
  const expected = replay.stateBefore(room.forwardExtremities)
  assert.deepEqual(sorted(stateOf(room)), sorted(expected))
  const afterRestart = await server.lineFromDisk(roomId)
  assert.deepEqual(sorted(stateOf(afterRestart)), sorted(expected))
  assert.deepEqual(new Map(afterRestart.members), new Map(room.members))
  for (const event of stored.values()) {
    const before = await diffFromCurrent(server.ctx, room, await stateBefore(server.ctx, event))
    const prevs = prevEventIds(replay.events.get(event.eventId)!, version)
    assert.deepEqual(sorted(entriesOf(room, before)), sorted(replay.stateBefore(prevs)))
  }
}

const versionIds = ['1', '6', '11', '12']
const perRoom = 50
/** How many events over all room versions. With PostgreSQL each takes more than twice the work. */
const usual = process.env.TEST_DATABASE === 'postgres' ? 4_000 : 10_000
const total = Number(process.env.HISTORY_EVENTS ?? usual)
const firstSeed = Number(process.env.HISTORY_SEED ?? 1)
const end = firstSeed + Math.ceil(total / perRoom / versionIds.length)
const roomsAtOnce = 10

describe('hostile histories, received in any order', function () {
  this.timeout(Math.max(this.timeout(), 120_000))

  for (const id of versionIds)
    for (let start = firstSeed; start < end; start += roomsAtOnce) {
      const last = Math.min(start + roomsAtOnce, end) - 1
      it(`lead to the state of the protocol in room version ${id} (${start} to ${last}), also after a restart`, async () => {
        const rooms = new Map<RoomId, Elsewhere>()
        await using server = await startReceiving(answeringFromAll(rooms))
        const receive = async (seed: number) => {
          const history = historyOf(roomVersion(id)!, seed)
          rooms.set(history.room.roomId, history.room.replay)
          try {
            await assertReceived(server, history, new SeededRandom(seed))
          } catch (cause) {
            throw new Error(`History ${seed} of room version ${id} is received otherwise`, { cause })
          }
        }
        const seeds = Array.from({ length: last - start + 1 }, (_, index) => start + index)
        await Promise.all(seeds.map(receive))
        // All of them are rooms of their own.
        assert.equal(rooms.size, seeds.length)
      })
    }
})

const historyOf = (version: RoomVersion, seed: number): History =>
  generateHistory({ version, seed, events: perRoom, servers: 3, usersPerServer: 3, hostility: 0.3, signed: true })
