import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '#base/config/load.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { receiveEdu } from '#services/federation/receive/edus/receive-edu.ts'
import { EventQueues } from '#services/federation/receive/transactions/event-queues.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import { startServer } from '#server.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { startFederation, TestNetwork } from '../../support/federation/network.ts'
import { findTestKey } from '../../support/federation/receive-needs.ts'
import { sendJoinAnswer } from '../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../support/generators/opened-room.ts'
import { message, member } from '../../support/generators/acts.ts'
import { alice } from '../../support/generators/scene.ts'
import { createRoom, roomPath } from '../../support/rooms/rooms.ts'
import { registerUser, testClient } from '../../support/server/client.ts'
import { fakeClock } from '../../support/server/clock.ts'
import { createTestDatabase } from '../../support/server/databases.ts'
import { failuresOnly, silent, testSettings, type TestServer } from '../../support/server/server.ts'

const bob = '@bob:b.test'

describe('staged events', function () {
  this.timeout(20_000)

  it('are taken up by the next process where one ends before they are handled', async () => {
    const database = await createTestDatabase({ isNew: true })
    const network = new TestNetwork()
    const clock = fakeClock()
    const settings = { ...testSettings(database), server_name: 'a.test', federation: { key_servers: [] } }
    const start = async (): Promise<TestServer> => {
      const effects = { clock, log: failuresOnly, checkReplies: true, transport: network.transportOf('a.test') }
      const running = await startServer(loadConfig({ settings }), effects)
      return { ...running, clock, anonymous: testClient(running.url) } as unknown as TestServer
    }
    try {
      const far = new FarServer({ network, clock }, 'b.test')
      const first = await start()
      const user = await registerUser(first.url, 'alice')
      const roomId = await createRoom(user, { preset: 'public_chat' })
      await far.join(first, roomId, bob)
      const lacked = await far.make(first, roomId, message(bob, 'lacked'))
      const { depth } = lacked.pdu
      const { id, pdu } = await far.make(first, roomId, message(bob, 'late'), { prevs: [lacked.id], depth: depth + 1 })
      far.on('/_matrix/federation/v1/get_missing_events', () => new Promise(() => {}))
      const answer = far.send(first, [pdu])
      await clock.waiting(2)
      await clock.advance(1000)
      assert.deepEqual((await answer).results, { [id]: {} })
      await first.close()
      far.on('/_matrix/federation/v1/get_missing_events', () => ({ events: [lacked.pdu as unknown as JsonObject] }))
      await using second = await start()
      await second.settle()
      const client = testClient(second.url, user.accessToken)
      assert.equal((await client.request('GET', roomPath(roomId, 'event', id))).status, 200)
      assert.deepEqual(await second.context.store.federation.stagedEvents.page(0, 10), [])
    } finally {
      await database.remove()
    }
  })

  it('are those that are not done with by the time of the answer, and on disk before it is given', async () => {
    await using federation = await startFederation(['a.test'], { log: silent })
    const server = federation.servers[0]!
    const { stagedEvents } = server.context.store.federation
    const far = new FarServer(federation, 'b.test')
    const roomId = await createRoom(await server.register('alice'), { preset: 'public_chat' })
    await far.join(server, roomId, bob)
    const staged: string[] = []
    const { insert } = stagedEvents
    stagedEvents.insert = async (events) => {
      staged.push(...events.map(({ eventId }) => eventId))
      if (isFailing) throw new Error('The disk is full')
      await insert(events)
    }
    let isFailing = true
    const complete = await far.make(server, roomId, message(bob, 'complete'))
    assert.deepEqual((await far.send(server, [complete.pdu])).results, { [complete.id]: {} })
    assert.deepEqual(staged, [])
    far.on('/_matrix/federation/v1/get_missing_events', () => new Promise(() => {}))
    const lacked = await far.make(server, roomId, message(bob, 'lacked'))
    const { id, pdu } = await far.make(server, roomId, message(bob, 'late'), { prevs: [lacked.id] })
    const send = async () => {
      let isAnswered = false
      const answer = far.send(server, [pdu]).finally(() => (isAnswered = true))
      while (!isAnswered) {
        await sleep(20)
        await federation.clock.advance(200)
      }
      return answer
    }
    assert.equal((await send()).status, 500)
    isFailing = false
    assert.deepEqual((await send()).results, { [id]: {} })
    assert.deepEqual((await stagedEvents.page(0, 10)).map(({ eventId }) => eventId), [id]) // prettier-ignore
  })

  it('wait where what they lack cannot be asked for, and are taken in once it can', async () => {
    await using federation = await startFederation(['a.test'])
    const { network, clock } = federation
    const server = federation.servers[0]!
    const far = new FarServer(federation, 'b.test')
    const user = await server.register('alice')
    const roomId = await createRoom(user, { preset: 'public_chat' })
    await far.join(server, roomId, bob)
    const lacked = await far.make(server, roomId, message(bob, 'lacked'))
    const { depth } = lacked.pdu
    const { id, pdu } = await far.make(server, roomId, message(bob, 'late'), { prevs: [lacked.id], depth: depth + 1 })
    far.on('/_matrix/federation/v1/get_missing_events', () => ({ events: [lacked.pdu as unknown as JsonObject] }))
    const isHere = async () => (await user.request('GET', roomPath(roomId, 'event', id))).status === 200
    const staged = () => server.context.store.federation.stagedEvents.page(0, 10)

    network.cut('a.test', 'b.test')
    const answer = far.send(server, [pdu])
    await clock.waiting(2)
    await clock.advance(1000)
    await answer
    await federation.settle()
    assert.equal(await isHere(), false)
    assert.equal((await staged()).length, 1)
    network.healAll()
    await far.send(server, [])
    await clock.advance(1000)
    await federation.settle()
    assert.equal(await isHere(), true)
    assert.deepEqual(await staged(), [])
  })

  for (const isJoined of [true, false])
    it(`wait while one of our users is joining their room, which ${isJoined ? 'succeeds' : 'fails'}`, async () => {
      await using federation = await startFederation(['a.test'])
      const server = federation.servers[0]!
      const far = new FarServer(federation, 's0.test')
      const room = openedRoom('11', { creator: alice })
      const { roomId, version } = room
      const ctx = { ...receiveNeeds(server.context), findKey: findTestKey }
      await openRemoteRoom(ctx, { roomId, version, create: room.json(room.order[0]!) })
      const carol = isJoined ? '@carol:a.test' : '@carol:s0.test'
      const joined = room.add(member(carol, carol, 'join'))
      const later = room.add(message(alice, 'meanwhile'))
      const answer = far.send(server, [room.json(later)])
      await federation.clock.waiting(2)
      await federation.clock.advance(1000)
      assert.deepEqual((await answer).results, { [later]: {} })
      await importSendJoin(ctx, sendJoinAnswer(room, joined))
      await federation.settle()
      const { stagedEvents } = server.context.store.federation
      assert.equal((await stagedEvents.page(0, 10)).length, isJoined ? 0 : 1)
      await federation.clock.advance(300_000)
      await federation.settle()
      assert.deepEqual(await stagedEvents.page(0, 10), [])
      const stored = await server.context.store.rooms.events.find(later)
      assert.equal(stored?.status, isJoined ? 'accepted' : undefined)
    })

  it('are bounded by room, by server and in all', () => {
    const queues = new EventQueues()
    const claimed = (origin: string, rooms: number, each: number) => {
      let count = 0
      for (let room = 0; room < rooms; room++)
        for (let event = 0; event < each; event++) if (queues.claim({ roomId: `!${room}:x`, origin })) count++
      return count
    }
    assert.equal(claimed('a.test', 1, 300), 200)
    assert.equal(claimed('a.test', 20, 200), 1800)
    let total = 2000
    for (let server = 0; server < 20; server++) total += claimed(`b${server}.test`, 20, 200)
    assert.equal(total, 20_000)
    queues.release({ roomId: '!1:x', origin: 'a.test' })
    assert.equal(claimed('a.test', 2, 1), 1)
  })
})

describe('EDUs of other servers', () => {
  it('T39 fail no other where one fails, and are left out where nobody knows them', async () => {
    await using federation = await startFederation(['a.test'])
    const ctx = { ...federation.servers[0]!.context, log: { ...failuresOnly, error: () => {} } }
    const taken: unknown[] = []
    const receivers = {
      'm.good': async (_: unknown, edu: unknown) => void taken.push(edu),
      'm.bad': async () => {
        throw new Error('It fails')
      },
    }
    const edus = [
      { edu_type: 'm.bad', content: {} },
      { edu_type: 'm.unknown', content: {} },
      { edu_type: 'toString', content: {} },
      { edu_type: 'm.good', content: [] },
      { edu_type: 7, content: {} },
      'no edu',
      { edu_type: 'm.good', content: { a: 1 } },
    ]
    for (const edu of edus) await receiveEdu(ctx, { origin: 'b.test', edu }, receivers)
    assert.deepEqual(taken, [{ origin: 'b.test', content: { a: 1 } }])
  })
})
