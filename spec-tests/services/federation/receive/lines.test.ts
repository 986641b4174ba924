import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { checkEvent } from '#services/federation/receive/check-event.ts'
import { enterLine, type LineEvent } from '#services/federation/receive/enter-line.ts'
import { member, message, state } from '../../../support/generators/acts.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { generateHistory } from '../../../support/generators/history-generator.ts'
import { alice } from '../../../support/generators/scene.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { findTestKey } from '../../../support/federation/receive-needs.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'

const origin = 's0.test'
const bob = '@bob:s0.test'
const batchSize = 20

async function checked(room: TestRoom, ids: readonly EventId[]): Promise<LineEvent[]> {
  const events: LineEvent[] = []
  for (const id of ids) {
    const event = await checkEvent(findTestKey, room.pdu(id) as unknown as JsonValue, room)
    assert.ok('pdu' in event)
    events.push({ event, origin })
  }
  return events
}

/** Takes in all that it can in lines, and each event that is not as simple by itself; answers the lengths of the lines. */
async function receiveInLines(server: ReceivingServer, room: TestRoom, ids: readonly EventId[]): Promise<number[]> {
  const events = await checked(room, ids)
  const lines: number[] = []
  for (let at = 0; at < events.length;) {
    const count = await enterLine(server.ctx, room.roomId, events.slice(at, at + batchSize))
    if (count > 0) lines.push(count)
    else await server.receive(room.roomId, events[at]!.event.pdu)
    at += Math.max(1, count)
  }
  return lines
}

async function contentsOf(server: ReceivingServer, room: TestRoom) {
  const live = await server.lineFromDisk(room.roomId)
  const stored = await server.ctx.store.rooms.events.findMany(room.order)
  return {
    statuses: Object.fromEntries(stored.map(({ eventId, status }) => [eventId, status])),
    redacted: Object.fromEntries(stored.map(({ eventId, redactedBy }) => [eventId, redactedBy])),
    state: Object.fromEntries([...live.state].map(([key, { eventId }]) => [key, eventId])),
    members: Object.fromEntries(live.members),
    forwardExtremities: live.forwardExtremities,
    depth: live.depth,
  }
}

/** Fails unless the room is the same as where each event was taken in by itself. */
async function assertSameRoom(room: TestRoom, ids: readonly EventId[]): Promise<number[]> {
  await using server = await startReceiving()
  await server.open(room)
  const lines = await receiveInLines(server, room, ids)
  await using single = await startReceiving()
  await single.open(room)
  for (const id of ids) await single.receive(room.roomId, room.pdu(id))
  assert.deepEqual(await contentsOf(server, room), await contentsOf(single, room))
  assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
  const inMemory = await server.line(room.roomId)
  const onDisk = await server.lineFromDisk(room.roomId)
  assert.deepEqual(new Map(inMemory.members), new Map(onDisk.members))
  assert.deepEqual(inMemory.forwardExtremities, onDisk.forwardExtremities)
  assert.deepEqual([...inMemory.state.keys()].toSorted(), [...onDisk.state.keys()].toSorted())
  return lines
}

describe('events that follow each other', function () {
  this.timeout(120_000)

  for (const id of ['1', '6', '11', '12']) {
    it(`are taken in together as they would be one by one, in room version ${id}`, async () => {
      const room = openedRoom(id, { creator: alice })
      const start = room.order.length
      room.add(message(alice, 'one'))
      room.add(member(bob, bob, 'join'))
      room.add(message(bob, 'two'))
      room.add(state(alice, 'm.room.topic', { topic: 'a' }))
      room.add(state(alice, 'm.room.topic', { topic: 'b' }))
      room.add(member(bob, bob, 'leave'))
      room.add(member(bob, bob, 'join', { displayname: 'Bob' }))
      room.add(message(bob, 'three'))
      room.add(member(alice, bob, 'ban'))
      room.add(message(alice, 'four'))
      const lines = await assertSameRoom(room, room.order.slice(1))
      assert.ok(lines.includes(room.order.length - start) || lines.reduce((sum, one) => sum + one, 0) >= 10)
    })

    it(`are told from those that do not, whatever the history, in room version ${id}`, async () => {
      const version = roomVersion(id)!
      let inLines = 0
      for (const seed of [1, 2]) {
        const options = { version, seed, events: 45, servers: 2, usersPerServer: 2, hostility: 0.2, signed: true }
        const { room } = generateHistory(options)
        for (const count of await assertSameRoom(room, room.order.slice(1))) inLines += count
      }
      assert.ok(inLines > 10, `${inLines}`)
    })
  }
})
