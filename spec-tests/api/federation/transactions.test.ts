import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { message, state } from '../../support/generators/acts.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { createRoom, putState, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const bob = '@bob:b.test'

type Setting = {
  federation: Federation
  server: TestServer
  alice: TestUser
  far: FarServer
  roomId: RoomId
} & AsyncDisposable

/** A public room of Alice, with Bob of another server in it. */
async function setUp(room: object = {}): Promise<Setting> {
  const federation = await startFederation(['a.test'])
  const server = federation.servers[0]!
  const alice = await server.register('alice')
  const roomId = await createRoom(alice, { preset: 'public_chat', ...room })
  const far = new FarServer(federation, 'b.test')
  await far.join(server, roomId, bob)
  return { federation, server, alice, far, roomId, [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose]() }
}

/** So many messages of Bob, each after the one before. */
async function chain(
  { far, server, roomId }: Setting,
  count: number,
  after?: EventId,
): Promise<{ id: EventId; pdu: Pdu }[]> {
  const made: { id: EventId; pdu: Pdu }[] = []
  const { depth } = await server.context.rooms.get(roomId)
  for (let index = 0; index < count; index++) {
    const prev = made.at(-1)?.id ?? after
    const place = { depth: depth + 1 + index, ...(prev && { prevs: [prev] }) }
    made.push(await far.make(server, roomId, message(bob, `message ${index}`), place))
  }
  return made
}

const isShown = async ({ alice, roomId }: Setting, id: EventId): Promise<boolean> =>
  (await alice.request('GET', roomPath(roomId, 'event', id))).status === 200

describe('transactions of other servers', function () {
  this.timeout(20_000)

  it('bring events to clients that wait, and count them as unread', async () => {
    await using setting = await setUp()
    const { server, far, alice, roomId } = setting
    const before = accepted(await alice.request('GET', '/_matrix/client/v3/sync'))
    const waiting = alice.request('GET', `/_matrix/client/v3/sync?since=${before.next_batch}&timeout=30000`)
    const { id, pdu } = await far.make(server, roomId, message(bob, 'hello'))
    assert.deepEqual(await far.send(server, [pdu]), {
      status: 200,
      results: { [id]: {} },
      body: { pdus: { [id]: {} } },
    })
    const room = accepted(await waiting).rooms.join[roomId]
    assert.deepEqual(
      room.timeline.events.map((event: JsonObject) => event.event_id),
      [id],
    )
    assert.equal(room.unread_notifications.notification_count, 1)
  })

  it('T02 take 49 of 50 events where one is malformed, and say which', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const events = await chain(setting, 49)
    const broken = await far.make(server, roomId, message(bob, 'broken'))
    const pdus: unknown[] = events.map(({ pdu }) => pdu)
    pdus.splice(20, 0, { ...broken.pdu, prev_events: 'none' })
    const { status, results } = await far.send(server, pdus)
    assert.equal(status, 200)
    const wrong = Object.entries(results).filter(([, { error }]) => error !== undefined)
    assert.equal(wrong.length, 1)
    assert.equal(Object.keys(results).length, 50)
    for (const { id } of events) assert.deepEqual(results[id], {})
    const { forwardExtremities } = await server.context.rooms.get(roomId)
    assert.deepEqual(forwardExtremities, [events.at(-1)!.id])
  })

  for (const [name, depth] of Object.entries<unknown>({
    '2^53': 9007199254740992n,
    '2^63-1': 9223372036854775807n,
    '-1': -1,
    '1.5': 1.5,
    '"1"': '1',
    null: null,
  }))
    it(`T01 drop an event of depth ${name} alone`, async () => {
      await using setting = await setUp()
      const { server, far, roomId } = setting
      const good = await far.make(server, roomId, message(bob, 'good'))
      const bad = { ...(await far.make(server, roomId, message(bob, 'bad'))).pdu, depth }
      const { status, results } = await far.send(server, [bad, good.pdu])
      assert.equal(status, 200)
      assert.deepEqual(results[good.id], {})
      assert.equal(Object.values(results).filter(({ error }) => error !== undefined).length, 1)
      assert.equal(await isShown(setting, good.id), true)
      const { depth: local } = await server.context.rooms.get(roomId)
      assert.equal(local, good.pdu.depth)
    })

  it('T01 drop an event that holds a number beyond 2^53 anywhere, and no other', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const good = await far.make(server, roomId, message(bob, 'good'))
    const { pdu } = await far.make(server, roomId, message(bob, 'bad'))
    for (const bad of [
      { ...pdu, content: { body: 9007199254740993n } },
      { ...pdu, origin_server_ts: 9007199254740993n },
      { ...pdu, unknown: [9007199254740993n] },
    ]) {
      const { status, results } = await far.send(server, [bad, good.pdu])
      assert.equal(status, 200)
      assert.deepEqual(results[good.id], {})
      assert.equal(Object.keys(results).length, 2)
    }
    assert.equal((await server.context.rooms.get(roomId)).depth, good.pdu.depth)
  })

  it('T01 refuse alone an event whose unsigned part holds a number beyond 2^53', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const { id, pdu } = await far.make(server, roomId, message(bob, 'good'))
    const other = await far.make(server, roomId, message(bob, 'other'))
    const { results } = await far.send(server, [{ ...pdu, unsigned: { age: 9007199254740993n } }, other.pdu])
    assert.notEqual(results[id]?.error, undefined)
    assert.deepEqual(results[other.id], {})
  })

  it('are answered again as before', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const first = await far.make(server, roomId, message(bob, 'first'))
    const answer = await far.send(server, [{ ...first.pdu, depth: -1 }, first.pdu], { id: 'same' })
    const other = await far.make(server, roomId, message(bob, 'other'))
    assert.deepEqual(await far.send(server, [other.pdu], { id: 'same' }), answer)
    assert.equal(await isShown(setting, other.id), false)
    assert.deepEqual((await far.send(server, [other.pdu], { id: 'other' })).results, { [other.id]: {} })
  })

  it('are refused whole with more than 50 events or 100 EDUs', async () => {
    await using setting = await setUp()
    const { server, far } = setting
    const edu = { edu_type: 'org.example', content: {} }
    assert.equal((await far.send(server, Array(51).fill({}))).status, 400)
    assert.equal((await far.send(server, [], { edus: Array(101).fill(edu) })).status, 400)
    assert.equal((await far.send(server, Array(50).fill({}), { edus: Array(100).fill(edu) })).status, 200)
  })

  it('say which events are of rooms that are not known or not signed; one that is rejected is handled', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const { pdu } = await far.make(server, roomId, message(bob, 'elsewhere'))
    const unsigned = await far.make(server, roomId, message('@carol:c.test', 'not of b.test'))
    const forbidden = await far.make(server, roomId, state(bob, 'm.room.name', { name: 'x' }))
    const good = await far.make(server, roomId, message(bob, 'good'))
    const elsewhere = { ...pdu, room_id: '!nowhere:a.test' }
    const { results } = await far.send(server, [elsewhere, unsigned.pdu, forbidden.pdu, good.pdu, 7, null])
    const errors = Object.values(results).map(({ error }) => error)
    assert.deepEqual(errors.filter((error) => error !== undefined).length, 2)
    assert.deepEqual(results[forbidden.id], {})
    assert.equal((await server.context.store.rooms.events.find(forbidden.id))?.status, 'rejected')
    assert.match(results[unsigned.id]?.error ?? '', /signature of c.test/)
    assert.deepEqual(results[good.id], {})
    await setting.federation.settle()
    const { stagedEvents } = server.context.store.federation
    assert.deepEqual(await stagedEvents.page(0, 10), [])
  })

  it('take events once that two servers bring at once', async () => {
    await using setting = await setUp()
    const { server, far, federation, roomId } = setting
    const friend = new FarServer(federation, 'c.test')
    const events = await chain(setting, 10)
    const pdus = events.map(({ pdu }) => pdu)
    const answers = await Promise.all([far.send(server, pdus), friend.send(server, pdus)])
    for (const { results } of answers) for (const { id } of events) assert.deepEqual(results[id], {})
    await federation.settle()
    assert.deepEqual((await server.context.rooms.get(roomId)).forwardExtremities, [events.at(-1)!.id])
  })

  it('do not let a slow room hold up another, or what others send to it', async () => {
    await using setting = await setUp()
    const { server, far, federation, alice, roomId } = setting
    const other = await createRoom(alice, { preset: 'public_chat' })
    await far.join(server, other, bob)
    const friend = new FarServer(federation, 'c.test')
    await friend.join(server, roomId, '@carol:c.test')
    const never = Promise.withResolvers<undefined>()
    far.on('/_matrix/federation/v1/get_missing_events', () => never.promise)
    const [, , last] = await chain(setting, 3)
    const late = far.send(server, [last!.pdu])
    await federation.clock.waiting(1)
    const elsewhere = await far.make(server, other, message(bob, 'elsewhere'))
    const beside = await friend.make(server, roomId, message('@carol:c.test', 'beside'))
    assert.deepEqual((await far.send(server, [elsewhere.pdu])).results, { [elsewhere.id]: {} })
    assert.deepEqual((await friend.send(server, [beside.pdu])).results, { [beside.id]: {} })
    await federation.clock.advance(1000)
    assert.deepEqual((await late).results, { [last!.id]: {} })
    never.resolve(undefined)
  })

  it('end the search for what an event lacks after a minute, and try again later, though not for ever', async () => {
    await using setting = await setUp()
    const { server, far, federation } = setting
    far.on('/_matrix/federation/v1/get_missing_events', () => new Promise(() => {}))
    const [, , last] = await chain(setting, 3)
    const late = far.send(server, [last!.pdu])
    await federation.clock.waiting(2)
    await federation.clock.advance(61_000)
    assert.deepEqual((await late).results, { [last!.id]: {} })
    await federation.settle()
    const staged = () => server.context.store.federation.stagedEvents.page(0, 10)
    assert.equal((await staged()).length, 1)
    const searches = () => far.asked.filter((path) => path.includes('/get_missing_events/')).length
    for (let turn = 0; turn < 500 && (await staged()).length > 0; turn++) {
      await federation.clock.advance(600_000)
      await sleep(5)
    }
    assert.deepEqual(await staged(), [])
    assert.ok(searches() > 0 && searches() <= 20, `${searches()} searches`)
    assert.equal(await isShown(setting, last!.id), false)
  })

  it('bring what lies between: missing events are asked for', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const events = await chain(setting, 6)
    const { forwardExtremities } = await server.context.rooms.get(roomId)
    far.on('/_matrix/federation/v1/get_missing_events', ({ body }) => {
      const { earliest_events: earliest, latest_events: latest } = JSON.parse(body ?? '{}') as Record<string, unknown>
      assert.deepEqual([earliest, latest], [[...forwardExtremities], [events.at(-1)!.id]])
      return { events: events.slice(0, -1).map(({ pdu }) => pdu as unknown as JsonObject) }
    })
    assert.deepEqual((await far.send(server, [events.at(-1)!.pdu])).results, { [events.at(-1)!.id]: {} })
    for (const { id } of events) assert.equal(await isShown(setting, id), true)
  })

  it('T01 drop fetched events with impossible depths, and take what came with them', async () => {
    await using setting = await setUp()
    const { server, far, roomId } = setting
    const events = await chain(setting, 3)
    const odd = ['9223372036854775807', '-1', '1.5', '"1"', 'null'].map((depth) =>
      JSON.stringify({ ...events[0]!.pdu, depth: 0 }).replace('"depth":0', `"depth":${depth}`),
    )
    const { depth } = await server.context.rooms.get(roomId)
    const good = events.slice(0, -1).map(({ pdu }) => JSON.stringify(pdu))
    setting.federation.network.interceptor = async (_from, request, send) =>
      request.uri.includes('/get_missing_events/')
        ? { status: 200, headers: {}, body: Buffer.from(`{"events":[${[...odd, ...good].join(',')}]}`) }
        : send(request)
    const last = events.at(-1)!
    assert.deepEqual((await far.send(server, [last.pdu])).results, { [last.id]: {} })
    for (const { id } of events) assert.equal(await isShown(setting, id), true)
    assert.equal((await server.context.rooms.get(roomId)).depth, depth + 3)
  })

  it('that change the state on a fork are known to a client whose filter hides the event that joins the branches', async () => {
    await using setting = await setUp({ power_level_content_override: { events: { 'm.room.name': 0 } } })
    const { server, far, alice, roomId } = setting
    const fork = await far.make(server, roomId, state(bob, 'm.room.name', { name: 'forked' }))
    for (const text of ['three', 'four']) await sendText(alice, roomId, text)
    assert.deepEqual((await far.send(server, [fork.pdu])).results, { [fork.id]: {} })
    accepted(await alice.request('PUT', roomPath(roomId, 'send', 'org.example.hidden', '5'), {}))
    for (const limit of [1, 2, 3]) {
      const timeline = { not_types: ['org.example.hidden'], limit }
      const { rooms } = await sync(alice, { filter: { room: { timeline } } })
      const { state: before, timeline: shown } = rooms!.join![roomId]!
      const names = [...before.events, ...shown.events].filter(({ type }) => type === 'm.room.name')
      assert.deepEqual(
        names.map(({ content }) => content.name),
        ['forked'],
      )
    }
  })

  it('T11 are kept and rejected where they are too long in bytes alone, up to room version 10, and can be followed', async () => {
    const levels = { state_default: 0 }
    await using setting = await setUp({ room_version: '10', power_level_content_override: levels })
    const { server, far, alice, roomId } = setting
    const stateKey = '💥'.repeat(70)
    const long = await far.make(server, roomId, state(bob, 'org.example', { text: 'long' }, stateKey))
    const place = { prevs: [long.id], depth: long.pdu.depth + 1 }
    const next = await far.make(server, roomId, message(bob, 'next'), place)
    far.on('/_matrix/federation/v1/get_missing_events', () => ({ events: [long.pdu as unknown as JsonObject] }))
    assert.deepEqual((await far.send(server, [next.pdu])).results, { [next.id]: {} })
    assert.deepEqual([await isShown(setting, long.id), await isShown(setting, next.id)], [false, true])
    assert.equal((await server.context.store.rooms.events.find(long.id))?.status, 'rejected')
    assert.deepEqual(await checkRoom(server.context, roomId), [])
    refused(await putState(alice, roomId, ['org.example', stateKey], {}), 413, 'M_TOO_LARGE')

    const strict = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
    await far.join(server, strict, bob)
    const refusedThere = await far.make(server, strict, state(bob, 'org.example', {}, stateKey))
    assert.match((await far.send(server, [refusedThere.pdu])).results[refusedThere.id]!.error!, /longer than 255 bytes/)
    assert.equal(await server.context.store.rooms.events.find(refusedThere.id), undefined)
  })

  it('T35 drop events of a denied server that another brings', async () => {
    await using setting = await setUp()
    const { server, far, federation, alice, roomId } = setting
    const friend = new FarServer(federation, 'c.test')
    await friend.join(server, roomId, '@carol:c.test')
    const acl = { allow: ['*'], deny: ['b.test'] }
    accepted(await putState(alice, roomId, ['m.room.server_acl'], acl))
    const { id, pdu } = await far.make(server, roomId, message(bob, 'denied'))
    for (const courier of [far, friend]) {
      const { results } = await courier.send(server, [pdu])
      assert.match(results[id]?.error ?? '', /does not let this server take part/)
    }
    assert.equal(await isShown(setting, id), false)
    // Followed by an event of a friend it stays in the graph, and is not shown.
    friend.on('/_matrix/federation/v1/get_missing_events', () => ({ events: [pdu as unknown as JsonObject] }))
    const { depth } = await server.context.rooms.get(roomId)
    const place = { prevs: [id], depth: depth + 2 }
    const next = await friend.make(server, roomId, message('@carol:c.test', 'next'), place)
    assert.deepEqual((await friend.send(server, [next.pdu])).results, { [next.id]: {} })
    assert.deepEqual([await isShown(setting, id), await isShown(setting, next.id)], [false, true])
  })

  it('T36 match the ACL by the name without port, whatever its case', async () => {
    await using setting = await setUp()
    const { server, federation, alice, roomId } = setting
    const acl = { allow: ['*'], deny: ['Evil.Test', '*.evil.test'], allow_ip_literals: false }
    accepted(await putState(alice, roomId, ['m.room.server_acl'], acl))
    for (const name of [
      'evil.test',
      'EVIL.test',
      'evil.test:8448',
      'evil.test.',
      'www.evil.test',
      '1.2.3.4',
      '[::1]:8448',
    ]) {
      const evil = new FarServer(federation, name)
      const { id, pdu } = await evil.make(server, roomId, message(`@mallory:${name}`, 'hi'))
      const { status, results } = await evil.send(server, [pdu])
      assert.equal(status, 200, name)
      assert.match(results[id]?.error ?? '', /does not let this server take part/, name)
    }
  })
})
