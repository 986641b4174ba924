import assert from 'node:assert/strict'
import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import type { EventStatus, StoredEvent } from '#store/rooms/events.ts'
import { generateHistory, type History } from '../../../support/generators/history-generator.ts'
import {
  answeringFrom,
  citedFromElsewhere,
  startReceiving,
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
  const { version, replay, roomId } = room
  await server.open({ roomId, version, create: replay.events.get(room.order[0]!)! })
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

const versionIds = ['1', '6', '11', '12']
const perRoom = 50
/** One event in so many of those that are only resolved: receiving one takes far longer. */
const share = 25
const total = Number(process.env.HISTORY_EVENTS ?? 10_000) / share
const firstSeed = Number(process.env.HISTORY_SEED ?? 1)
const seeds = Array.from({ length: Math.ceil(total / perRoom / versionIds.length) }, (_, number) => firstSeed + number)

describe('hostile histories, received in any order', function () {
  this.timeout(60_000)
  for (const id of versionIds) {
    for (const seed of seeds) {
      it(`lead to the state of the protocol in room version ${id} (${seed}), also after a restart`, async () => {
        const history = generateHistory({
          version: roomVersion(id)!,
          seed,
          events: perRoom,
          servers: 3,
          usersPerServer: 3,
          hostility: 0.3,
          signed: true,
        })
        const { room } = history
        const { replay, version } = room
        const roomId = room.roomId as RoomId
        await using server = await startReceiving(answeringFrom(replay))
        const line = await receiveAll(server, history, arrivalOrder(history, new SeededRandom(seed)))
        const stored = await storedEvents(server, room.order)

        const rejected = room.order.filter((each) => stored.get(each)?.status === 'rejected')
        assert.deepEqual(new Set(rejected), replay.rejected)
        assert.ok(
          room.order.every((each) => ['accepted', 'soft-failed', 'rejected'].includes(stored.get(each)?.status ?? '')),
        )
        assert.deepEqual(
          new Set(line.forwardExtremities),
          new Set(headsAmong(replay.events, version, (each) => stored.get(each)!.status)),
        )
        const expected = replay.stateBefore(line.forwardExtremities)
        assert.deepEqual(sorted(stateOf(line)), sorted(expected))
        const afterRestart = await server.lineFromDisk(roomId)
        assert.deepEqual(sorted(stateOf(afterRestart)), sorted(expected))
        assert.deepEqual(new Map(afterRestart.members), new Map(line.members))
        for (const event of stored.values()) {
          const before = await diffFromCurrent(server.ctx, line, await stateBefore(server.ctx, event))
          const prevs = prevEventIds(replay.events.get(event.eventId)!, version)
          assert.deepEqual(sorted(entriesOf(line, before)), sorted(replay.stateBefore(prevs)))
        }
      })
    }
  }
})
