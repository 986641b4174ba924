import assert from 'node:assert/strict'
import { prevEventIds, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { appendEvent, startRoom } from '#services/rooms/write/append.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { Act } from '../../../support/generators/acts.ts'
import { TestRoom } from '../../../support/generators/test-room.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'

const version = roomVersion('11')!
const local: UserId = '@local:test'
const remote: UserId = '@remote:s1.test'
const roomId: RoomId = '!room:test'

/** A room of a user here and one elsewhere, and the other server's view of it. */
async function openRoom(server: ReceivingServer, levels: object = {}): Promise<TestRoom> {
  const drafts = [
    { type: 'm.room.create', stateKey: '', content: { room_version: '11' } },
    { type: 'm.room.member', stateKey: local, content: { membership: 'join' } },
    { type: 'm.room.power_levels', stateKey: '', content: { users: { [local]: 100 }, ...levels } },
    { type: 'm.room.join_rules', stateKey: '', content: { join_rule: 'public' } },
  ].map((draft) => ({ ...draft, sender: local }))
  await startRoom(server.ctx, { roomId, version }, drafts)
  const elsewhere = new TestRoom(version, { roomId, signed: true })
  await tell(server, elsewhere)
  return elsewhere
}

/** The other server hears of everything here. */
async function tell(server: ReceivingServer, elsewhere: TestRoom): Promise<void> {
  const room = await server.line(roomId)
  for (const event of await server.ctx.store.rooms.check.events(room.nid!, { after: 0, limit: 1000 }))
    if (event.status === 'accepted') elsewhere.take(storedPdu(event, room))
}

async function fork(server: ReceivingServer, elsewhere: TestRoom, { act, prev }: { act: Act; prev: EventId }) {
  const pdu = elsewhere.make(act, { prevs: [prev] })
  const id = elsewhere.take(pdu)
  const { outcome } = await receiveEvent(server.ctx, { origin: 's1.test', roomId, pdu: pdu as unknown as JsonValue })
  assert.equal(outcome, 'accepted')
  return id
}

const message = (body: string): Act => ({ type: 'm.room.message', sender: remote, content: { body } })

describe('rooms with several heads', function () {
  this.timeout(20_000)

  it('let local events follow all heads and build on what these resolve to', async () => {
    await using server = await startReceiving()
    const elsewhere = await openRoom(server, { events: { 'm.room.name': 0 } })
    const start = (await server.line(roomId)).forwardExtremities[0]!
    const join: Act = { type: 'm.room.member', sender: remote, state_key: remote, content: { membership: 'join' } }
    const joined = await fork(server, elsewhere, { act: join, prev: start })
    const name: Act = { type: 'm.room.name', sender: remote, state_key: '', content: { name: 'theirs' } }
    await appendEvent(server.ctx, roomId, {
      type: 'm.room.topic',
      stateKey: '',
      sender: local,
      content: { topic: 'ours' },
    })
    const named = await fork(server, elsewhere, { act: name, prev: joined })
    const forwardExtremities = [...(await server.line(roomId)).forwardExtremities]
    assert.equal(forwardExtremities.length, 2)

    const { eventId } = await appendEvent(server.ctx, roomId, { type: 'm.room.message', sender: local, content: {} })
    const room = await server.line(roomId)
    const stored = await server.ctx.store.rooms.events.find(eventId)
    assert.deepEqual(new Set(prevEventIds(storedPdu(stored!, room), version)), new Set(forwardExtremities))
    assert.deepEqual(room.forwardExtremities, [eventId])
    assert.equal(room.entry('m.room.name', '')?.eventId, named)
    await tell(server, elsewhere)
    const expected = elsewhere.replay.stateBefore([eventId])
    assert.deepEqual(new Map([...room.state].map(([key, entry]) => [key, entry.eventId])), new Map(expected))
  })

  it('are joined by an event that says nothing once there are more than ten heads', async () => {
    await using server = await startReceiving()
    const elsewhere = await openRoom(server)
    const start = (await server.line(roomId)).forwardExtremities[0]!
    const join: Act = { type: 'm.room.member', sender: remote, state_key: remote, content: { membership: 'join' } }
    const joined = await fork(server, elsewhere, { act: join, prev: start })
    for (let index = 0; index < 11; index++) await fork(server, elsewhere, { act: message(`${index}`), prev: joined })
    const { forwardExtremities } = await server.line(roomId)
    assert.equal(forwardExtremities.length, 1)
    assert.equal((await server.ctx.store.rooms.events.find(forwardExtremities[0]!))?.type, 'org.matrix.dummy_event')
  })

  it('are not resolved anew for each message on one of them', async () => {
    await using server = await startReceiving()
    const elsewhere = await openRoom(server, { events: { 'm.room.power_levels': 0, 'm.room.name': 0 } })
    const start = (await server.line(roomId)).forwardExtremities[0]!
    const join: Act = { type: 'm.room.member', sender: remote, state_key: remote, content: { membership: 'join' } }
    const joined = await fork(server, elsewhere, { act: join, prev: start })
    const name = (text: string): Act => ({
      type: 'm.room.name',
      sender: remote,
      state_key: '',
      content: { name: text },
    })
    const one = await fork(server, elsewhere, { act: name('one'), prev: joined })
    let other = await fork(server, elsewhere, { act: name('other'), prev: joined })
    const { authIndex } = server.ctx.store.rooms
    let resolutions = 0
    const { page } = authIndex
    authIndex.page = (...asked) => {
      resolutions++
      return page(...asked)
    }
    const before = new Map((await server.line(roomId)).state)
    for (let index = 0; index < 10; index++)
      other = await fork(server, elsewhere, { act: message(`${index}`), prev: other })
    assert.equal(resolutions, 0)
    const room = await server.line(roomId)
    assert.deepEqual(new Set(room.forwardExtremities), new Set([one, other]))
    assert.deepEqual(new Map(room.state), before)
    const expected = elsewhere.replay.stateBefore([one, other])
    assert.deepEqual(new Map([...room.state].map(([key, entry]) => [key, entry.eventId])), new Map(expected))
    await fork(server, elsewhere, { act: name('another'), prev: other })
    assert.ok(resolutions > 0)
  })
})
