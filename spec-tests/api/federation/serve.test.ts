import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { member, state } from '../../support/generators/acts.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { startFederation, type TestNetwork } from '../../support/federation/network.ts'
import { findTestKey } from '../../support/federation/receive-needs.ts'
import { sendJoinAnswer } from '../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../support/generators/opened-room.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { act, createRoom, putState, sendText } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const bob = '@bob:b.test'
const version = '11'
const visibilities = ['world_readable', 'shared', 'invited', 'joined'] as const
type Visibility = (typeof visibilities)[number]

type Setting = {
  network: TestNetwork
  server: TestServer
  alice: TestUser
  far: FarServer
  outsider: FarServer
} & AsyncDisposable

async function setUp(): Promise<Setting> {
  const federation = await startFederation(['a.test'])
  const server = federation.servers[0]!
  const far = new FarServer(federation, 'b.test')
  // It lets its users be invited.
  far.on('/_matrix/federation/v2/invite', ({ body }) => {
    const { event } = JSON.parse(body ?? '{}') as { event: Pdu }
    return { event: signEvent(event, roomVersion(version)!, keyOf('b.test')) as unknown as JsonObject }
  })
  return {
    network: federation.network,
    server,
    far,
    outsider: new FarServer(federation, 'c.test'),
    alice: await server.register('alice'),
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  }
}

const open = ({ alice }: Setting, visibility: Visibility = 'shared') =>
  createRoom(alice, {
    preset: 'public_chat',
    room_version: version,
    initial_state: [{ type: 'm.room.history_visibility', state_key: '', content: { history_visibility: visibility } }],
  })

async function leave({ far, server }: Setting, roomId: RoomId): Promise<void> {
  const { id, pdu } = await far.make(server, roomId, member(bob, bob, 'leave'))
  assert.deepEqual((await far.send(server, [pdu])).results, { [id]: {} })
}

const v1 = '/_matrix/federation/v1'
const escaped = encodeURIComponent

type Asked = { roomId: RoomId; id: string }
const paths = ({ roomId, id }: Asked) => ({
  event: `${v1}/event/${escaped(id)}`,
  backfill: `${v1}/backfill/${escaped(roomId)}?v=${escaped(id)}&limit=100`,
  state: `${v1}/state/${escaped(roomId)}?event_id=${escaped(id)}`,
  state_ids: `${v1}/state_ids/${escaped(roomId)}?event_id=${escaped(id)}`,
  event_auth: `${v1}/event_auth/${escaped(roomId)}/${escaped(id)}`,
  timestamp_to_event: `${v1}/timestamp_to_event/${escaped(roomId)}?ts=0&dir=f`,
})

const missing = (far: FarServer, server: TestServer, { roomId, id, limit = 100 }: Asked & { limit?: number }) =>
  far.request(server, 'POST', `${v1}/get_missing_events/${escaped(roomId)}`, {
    earliest_events: [],
    latest_events: [id],
    limit,
  })

const bodyOf = ({ content }: { content: JsonObject }) => content.body

/** By which words each message came: undefined where it came redacted. */
function wordsIn(pdus: readonly Pdu[]): (string | undefined)[] {
  return pdus.filter(({ type }) => type === 'm.room.message').map((pdu) => bodyOf(pdu) as string | undefined)
}

describe('what other servers get of a room', function () {
  this.timeout(30_000)

  /** Of messages before anything, while Bob was invited, while he was in, after he left, and while he was in again. */
  const expected: Record<Visibility, { left: string[]; back: string[] }> = {
    world_readable: {
      left: ['before', 'invited', 'joined', 'left'],
      back: ['before', 'invited', 'joined', 'left', 'back'],
    },
    shared: { left: ['before', 'invited', 'joined'], back: ['before', 'invited', 'joined', 'left', 'back'] },
    invited: { left: ['invited', 'joined'], back: ['invited', 'joined', 'back'] },
    joined: { left: ['joined'], back: ['joined', 'back'] },
  }

  for (const visibility of visibilities)
    it(`T33 is by history visibility: ${visibility}`, async () => {
      await using setting = await setUp()
      const { server, alice, far } = setting
      const roomId = await open(setting, visibility)
      const ids = new Map<string, EventId>()
      const say = async (body: string) => void ids.set(body, await sendText(alice, roomId, body))
      const check = async (shown: readonly string[]) => {
        for (const [body, id] of ids) {
          const { status, body: answer } = await far.request(server, 'GET', paths({ roomId, id }).event)
          assert.equal(status, 200)
          assert.equal(bodyOf(answer.pdus[0]), shown.includes(body) ? body : undefined, `${visibility} ${body}`)
        }
        const words = [...ids.keys()].map((body) => (shown.includes(body) ? body : undefined))
        const last = [...ids.values()].at(-1)!
        const backfilled = await far.request(server, 'GET', paths({ roomId, id: last }).backfill)
        assert.deepEqual(wordsIn(backfilled.body.pdus as Pdu[]), words)
        const between = await missing(far, server, { roomId, id: last })
        assert.deepEqual(wordsIn(between.body.events as Pdu[]), words.slice(0, -1))
      }
      await say('before')
      accepted(await act(alice, 'invite', roomId, bob))
      await say('invited')
      await far.join(server, roomId, bob)
      await say('joined')
      await leave(setting, roomId)
      await say('left')
      await check(expected[visibility].left)
      await far.join(server, roomId, bob)
      await say('back')
      await check(expected[visibility].back)
    })

  it('T30 says of events of other rooms what it says of unknown ones', async () => {
    await using setting = await setUp()
    const { server, alice, far } = setting
    const roomId = await open(setting)
    const other = await open(setting)
    await far.join(server, roomId, bob)
    const id = await sendText(alice, other, 'elsewhere')
    const unknown = `$${'x'.repeat(43)}`
    for (const name of ['event', 'state', 'state_ids', 'event_auth'] as const) {
      const [one, two] = await Promise.all(
        [id, unknown].map((each) => far.request(server, 'GET', paths({ roomId, id: each })[name])),
      )
      assert.equal(one!.status, 404, name)
      assert.deepEqual(one, two, name)
    }
    for (const each of [id, unknown]) {
      assert.deepEqual((await far.request(server, 'GET', paths({ roomId, id: each }).backfill)).body.pdus, [])
      assert.deepEqual((await missing(far, server, { roomId, id: each })).body, { events: [] })
    }
  })

  it('T31 T32 is nothing for a server that is not in it, which learns not even whether it exists', async () => {
    await using setting = await setUp()
    const { server, alice, far, outsider } = setting
    const roomId = await open(setting, 'world_readable')
    await far.join(server, roomId, bob)
    const id = await sendText(alice, roomId, 'hello')
    for (const [name, path] of Object.entries(paths({ roomId, id }))) {
      const known = await outsider.request(server, 'GET', path)
      const unknownRoom = paths({ roomId: '!unknown:a.test', id: `$${'x'.repeat(43)}` })[
        name as keyof ReturnType<typeof paths>
      ]
      assert.equal(known.status, name === 'event' ? 404 : 403, name)
      assert.deepEqual(known, await outsider.request(server, 'GET', unknownRoom), name)
    }
    assert.equal((await missing(outsider, server, { roomId, id })).status, 403)
    assert.equal((await far.request(server, 'GET', paths({ roomId, id }).timestamp_to_event)).status, 200)
    await leave(setting, roomId)
    for (const name of ['state', 'state_ids', 'event_auth', 'timestamp_to_event'] as const)
      assert.equal((await far.request(server, 'GET', paths({ roomId, id })[name])).status, 403, name)
  })

  it('T36 is nothing for a server that the ACL keeps out', async () => {
    await using setting = await setUp()
    const { server, alice, far } = setting
    const roomId = await open(setting)
    await far.join(server, roomId, bob)
    const id = await sendText(alice, roomId, 'hello')
    accepted(await putState(alice, roomId, ['m.room.server_acl'], { allow: ['*'], deny: ['B.Test'] }))
    for (const [name, path] of Object.entries(paths({ roomId, id })))
      assert.equal((await far.request(server, 'GET', path)).status, name === 'event' ? 404 : 403, name)
    assert.equal((await missing(far, server, { roomId, id })).status, 403)
  })

  it('T38 holds no rejected event', async () => {
    await using setting = await setUp()
    const { server, far } = setting
    const roomId = await open(setting)
    await far.join(server, roomId, bob)
    const { id, pdu } = await far.make(server, roomId, state(bob, 'm.room.name', { name: 'mine' }))
    await far.send(server, [pdu])
    assert.equal((await server.context.store.rooms.events.find(id))?.status, 'rejected')
    for (const name of ['event', 'state', 'state_ids', 'event_auth'] as const)
      assert.equal((await far.request(server, 'GET', paths({ roomId, id })[name])).status, 404, name)
    assert.deepEqual((await far.request(server, 'GET', paths({ roomId, id }).backfill)).body.pdus, [])
  })

  it('T38 is nothing while a join brings it in, and then its state for servers in it alone', async () => {
    await using setting = await setUp()
    const { server, far, outsider } = setting
    const room = openedRoom('11', { creator: '@owner:s0.test' })
    const { roomId, version: v11, order } = room
    const owner = new FarServer({ network: setting.network, clock: server.clock }, 's0.test')
    const ctx = { ...receiveNeeds(server.context), findKey: findTestKey }
    await openRemoteRoom(ctx, { roomId, version: v11, create: room.json(order[0]!) })
    const letIn = (user: string) => room.add(member(user, user, 'join'))
    await importSendJoin(ctx, sendJoinAnswer(room, letIn('@carol:s0.test')))
    const rules = order[3]!
    const statuses = async (who: FarServer) => {
      const { event, backfill, state: whole } = paths({ roomId, id: rules })
      const asked = [event, backfill, whole].map((path) => who.request(server, 'GET', path))
      return (await Promise.all(asked)).map(({ status }) => status)
    }
    assert.equal((await server.context.store.rooms.events.find(rules))?.status, 'outlier')
    assert.deepEqual(await statuses(owner), [404, 403, 403])
    await importSendJoin(ctx, sendJoinAnswer(room, letIn('@alice:a.test')))
    // State before an outlier is not known.
    assert.deepEqual(await statuses(owner), [200, 200, 404])
    for (const who of [far, outsider]) assert.deepEqual(await statuses(who), [404, 403, 403])
  })

  it('is its state before an event, with the auth chain of that', async () => {
    await using setting = await setUp()
    const { server, alice, far } = setting
    const roomId = await open(setting)
    const joined = await far.join(server, roomId, bob)
    const named = accepted(await putState(alice, roomId, ['m.room.name'], { name: 'one' })).event_id as EventId
    const renamed = accepted(await putState(alice, roomId, ['m.room.name'], { name: 'two' })).event_id as EventId
    const before = async (id: EventId) => {
      const { body: ids } = await far.request(server, 'GET', paths({ roomId, id }).state_ids)
      const { body: whole } = await far.request(server, 'GET', paths({ roomId, id }).state)
      assert.deepEqual([ids.pdu_ids.length, ids.auth_chain_ids.length], [whole.pdus.length, whole.auth_chain.length])
      return { ids: ids.pdu_ids as EventId[], chain: ids.auth_chain_ids as EventId[], pdus: whole.pdus as Pdu[] }
    }
    const first = await before(named)
    assert.deepEqual([first.ids.includes(joined), first.ids.includes(named)], [true, false])
    const second = await before(renamed)
    assert.deepEqual([second.ids.includes(named), second.ids.includes(renamed)], [true, false])
    assert.deepEqual(second.pdus.find(({ type }) => type === 'm.room.name')?.content, { name: 'one' })
    const create = server.context.rooms.peek(roomId)!.entry('m.room.create', '')!.eventId
    assert.ok(second.chain.includes(create))
    const { body } = await far.request(server, 'GET', paths({ roomId, id: joined }).event_auth)
    assert.ok((body.auth_chain as Pdu[]).some(({ type }) => type === 'm.room.create'))
  })

  it('is bounded: 100 events at once, from 20 events at once', async () => {
    await using setting = await setUp()
    const { server, alice, far } = setting
    const roomId = await open(setting)
    await far.join(server, roomId, bob)
    let last: EventId = '$'
    for (let index = 0; index < 130; index++) last = await sendText(alice, roomId, `${index}`)
    const wanted = paths({ roomId, id: last }).backfill.replace('limit=100', 'limit=100000')
    const { body } = await far.request(server, 'GET', wanted)
    assert.deepEqual(
      wordsIn(body.pdus as Pdu[]),
      Array.from({ length: 100 }, (_, index) => `${30 + index}`),
    )
    const few = await missing(far, server, { roomId, id: last, limit: 5 })
    assert.deepEqual(wordsIn(few.body.events as Pdu[]), ['124', '125', '126', '127', '128'])
    assert.equal(
      (await far.request(server, 'GET', paths({ roomId, id: last }).backfill.replace('100', '-1'))).status,
      200,
    )
  })
})
