import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { purgeHistoryJob } from '#services/rooms/purge/purge-plan.ts'
import { collectPurges } from '#services/rooms/purge/purge-worker.ts'
import { loadConfig } from '#base/config/load.ts'
import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { startServer } from '../../../src/server.ts'
import { accepted, refused, loginUser, testPassword, type TestUser } from '../../support/server/client.ts'
import { fakeClock } from '../../support/server/clock.ts'
import { createTestDatabase } from '../../support/server/databases.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { createRoom, join, leave, putState, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { failuresOnly, silent, startTestServer, testSettings, type TestServer } from '../../support/server/server.ts'
import { bodiesOf as bodiesIn, joined, sync } from '../../support/server/sync.ts'

const admin = '/_synapse/admin'

async function registerAdmin(server: Pick<TestServer, 'context' | 'url'>): Promise<TestUser> {
  const { createAccount } = await import('#services/accounts/registration/create-account.ts')
  await createAccount(server.context, { localpart: 'root', password: testPassword, admin: true })
  return loginUser(server.url, 'root')
}

const purgeHistory = (user: TestUser, roomId: string, body: object, eventId?: string) =>
  user.request(
    'POST',
    `${admin}/v1/purge_history/${[roomId, ...(eventId === undefined ? [] : [eventId])].map(encodeURIComponent).join('/')}`,
    body,
  )

const deleteRoom = (user: TestUser, roomId: string, body: object = {}) =>
  user.request('DELETE', `${admin}/v2/rooms/${encodeURIComponent(roomId)}`, body)

const bodiesOf = async (user: TestUser, roomId: string): Promise<string[]> => {
  const { chunk } = accepted(await user.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=500`))
  return chunk.flatMap(({ content }: { content: { body?: string } }) => content.body ?? [])
}

/** A room with much said in it, the state changed on the way, and a receipt and a reaction among it. */
async function longRoom(server: Pick<TestServer, 'context'>, alice: TestUser, bob: TestUser) {
  const roomId = await createRoom(alice, { preset: 'public_chat', topic: 'first' })
  accepted(await join(bob, roomId))
  const old = await sendText(bob, roomId, 'old')
  accepted(await bob.request('POST', roomPath(roomId, 'receipt', 'm.read', old), {}))
  const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: old, key: '+' } }
  accepted(await alice.request('PUT', roomPath(roomId, 'send', 'm.reaction', 'r'), content))
  accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'second' }))
  const texts = Array.from({ length: 1200 }, (_, n) => ({
    type: 'm.room.message',
    sender: bob.userId,
    content: { msgtype: 'm.text', body: `old ${n}` },
  }))
  await appendEvents(server.context as Context, roomId, texts)
  accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'third' }))
  const kept = await sendText(alice, roomId, 'kept')
  await sendText(alice, roomId, 'newest')
  return { roomId, old, kept }
}

const countOf = async ({ context: { store } }: Pick<TestServer, 'context'>, roomNid: number) =>
  (await store.rooms.check.events(roomNid, { after: Number.MIN_SAFE_INTEGER, limit: 5000 })).length

/** Lets one step of purges fail inside its transaction, until what this answers is called. */
function failIn(store: Context['store'], step: 'deleteIntervals' | 'receipts' | 'passing' | 'deleteEvents') {
  const { transaction } = store
  const fail = async () => {
    throw new Error('The disk is full')
  }
  const failing = ({ purges, receipts }: Context['store']['rooms']) =>
    step === 'receipts' ? { receipts: { ...receipts, deleteSome: fail } } : { purges: { ...purges, [step]: fail } }
  store.transaction = (work) => transaction((tx) => work({ ...tx, rooms: { ...tx.rooms, ...failing(tx.rooms) } }))
  return () => void (store.transaction = transaction)
}

describe('purge of history', () => {
  it('is for administrators alone', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    refused(await purgeHistory(alice, roomId, { purge_up_to_ts: 1 }), 403, 'M_FORBIDDEN')
    refused(await deleteRoom(alice, roomId), 403, 'M_FORBIDDEN')
    refused(await alice.request('GET', `${admin}/v1/purge_history_status/x`), 403, 'M_FORBIDDEN')
  })

  it('shows nobody what came before the event, keeps the state, and removes it from the disk', async () => {
    await using server = await startTestServer()
    const [root, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const { roomId, old, kept } = await longRoom(server, alice, bob)
    const room = (await server.context.store.rooms.rooms.find(roomId))!

    const { purge_id: id } = accepted(await purgeHistory(root, roomId, { delete_local_events: true }, kept))
    assert.deepEqual(await bodiesOf(alice, roomId), ['newest', 'kept'])
    refused(await alice.request('GET', roomPath(roomId, 'event', old)), 404, 'M_NOT_FOUND')
    await server.settle()

    assert.deepEqual(accepted(await root.request('GET', `${admin}/v1/purge_history_status/${id}`)), {
      status: 'complete',
    })
    assert.deepEqual(await bodiesOf(alice, roomId), ['newest', 'kept'])
    assert.equal(accepted(await alice.request('GET', roomPath(roomId, 'state', 'm.room.topic', ''))).topic, 'third')
    assert.equal(await server.context.store.rooms.events.find(old), undefined)
    assert.ok((await countOf(server, room.nid)) < 20)
    assert.deepEqual(await checkRoom(server.context, roomId), [])
    await sendText(bob, roomId, 'after')
    assert.deepEqual(await bodiesOf(bob, roomId), ['after', 'newest', 'kept'])
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('tells a first sync all state beside a timeline that says it was cut', async () => {
    await using server = await startTestServer()
    const [root, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const { roomId, kept } = await longRoom(server, alice, bob)
    accepted(await purgeHistory(root, roomId, { purge_up_to_event_id: kept, delete_local_events: true }))
    await server.settle()

    const { rooms } = accepted(await bob.request('GET', '/_matrix/client/v3/sync'))
    const { timeline, state } = rooms.join[roomId]
    assert.deepEqual(
      timeline.events.map(({ content }: { content: { body: string } }) => content.body),
      ['kept', 'newest'],
    )
    assert.equal(timeline.limited, true)
    const members = state.events.filter(({ type }: { type: string }) => type === 'm.room.member')
    assert.equal(members.length, 2)
  })

  it('leaves messages of this server on the disk unless asked to remove them, though nobody is shown them', async () => {
    await using server = await startTestServer()
    const [root, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const { roomId, old, kept } = await longRoom(server, alice, bob)
    accepted(await purgeHistory(root, roomId, {}, kept))
    await server.settle()

    assert.deepEqual(await bodiesOf(alice, roomId), ['newest', 'kept'])
    assert.ok(await server.context.store.rooms.events.find(old))
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('goes by time, and always keeps the newest event, on which the next one builds', async () => {
    await using server = await startTestServer()
    const root = await registerAdmin(server)
    const roomId = await createRoom(root)
    await sendText(root, roomId, 'one')
    await server.clock.advance(1000)
    const moment = server.clock.now()
    await sendText(root, roomId, 'two')
    await sendText(root, roomId, 'three')

    accepted(await purgeHistory(root, roomId, { purge_up_to_ts: moment, delete_local_events: true }))
    await server.settle()
    assert.deepEqual(await bodiesOf(root, roomId), ['three', 'two'])
    accepted(await purgeHistory(root, roomId, { purge_up_to_ts: moment + 1e9, delete_local_events: true }))
    await server.settle()
    assert.deepEqual(await bodiesOf(root, roomId), ['three'])
    await sendText(root, roomId, 'four')
    assert.deepEqual(await bodiesOf(root, roomId), ['four', 'three'])
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('keeps redactions whose targets stay', async () => {
    await using server = await startTestServer()
    const root = await registerAdmin(server)
    const roomId = await createRoom(root)
    const topic = accepted(await putState(root, roomId, ['m.room.topic'], { topic: 'secret' })).event_id
    accepted(await root.request('PUT', roomPath(roomId, 'redact', topic, 'x'), {}))
    const last = await sendText(root, roomId, 'last')
    accepted(await purgeHistory(root, roomId, { delete_local_events: true }, last))
    await server.settle()

    const stored = await server.context.store.rooms.events.find(topic)
    assert.ok(stored?.redactedBy && (await server.context.store.rooms.events.find(stored.redactedBy)))
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('no longer shows the room as it was to those who left before', async () => {
    await using server = await startTestServer()
    const [root, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    const last = await sendText(alice, roomId, 'last')
    accepted(await purgeHistory(root, roomId, {}, last))
    refused(await bob.request('GET', `${roomPath(roomId, 'messages')}?dir=b`), 403, 'M_FORBIDDEN')
    refused(await bob.request('GET', roomPath(roomId, 'state')), 403, 'M_FORBIDDEN')
    await server.settle()
    refused(await bob.request('GET', roomPath(roomId, 'state')), 403, 'M_FORBIDDEN')
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('gives the space back', async function () {
    if (process.env['TEST_DATABASE'] === 'postgres') return this.skip()
    const database = await createTestDatabase()
    const running = await startServer(loadConfig({ settings: testSettings(database) }), { log: failuresOnly })
    try {
      const root = await registerAdmin(running)
      const roomId = await createRoom(root)
      const content = { msgtype: 'm.text', body: 'x'.repeat(2000) }
      const texts = Array.from({ length: 1000 }, () => ({ type: 'm.room.message', sender: root.userId, content }))
      await appendEvents(running.context, roomId, texts)
      const last = await sendText(root, roomId, 'last')
      accepted(await purgeHistory(root, roomId, { delete_local_events: true }, last))
      await running.settle()
    } finally {
      await running.close()
    }
    const { size } = await stat(database.url.slice('sqlite:'.length))
    await database.remove()
    assert.ok(size < 1_500_000, `${size}`)
  })

  it('loses nothing that is being sent while the collection begins', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(bob)
    const { store } = server.context
    const { eventWriter } = store
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { write } = eventWriter
    eventWriter.write = async (...args) => {
      reached.resolve()
      await held.promise
      return write(...args)
    }
    const purge = {
      id: 'elsewhere',
      kind: 'history',
      roomId,
      roomNid: (await store.rooms.rooms.find(roomId))?.nid,
    } as const
    const plan = JSON.stringify({ upTo: 0, deleteLocal: false })
    await store.rooms.purges.insert({ ...purge, status: 'active', plan, step: undefined, cursor: 0, createdAt: 0 })
    await store.jobs.jobs.add({ id: 'job', kind: purgeHistoryJob, key: roomId, payload: {}, now: 0 })

    const sending = sendText(alice, roomId, 'said meanwhile')
    await reached.promise
    const collecting = collectPurges(server.context)
    for (let read = 0; read < 3; read++) await sync(bob)
    held.resolve()
    await Promise.all([sending, collecting])

    assert.deepEqual(bodiesIn(joined(await sync(bob, { since }), roomId)), ['said meanwhile'])
  })

  for (const failing of ['deleteIntervals', 'receipts', 'passing', 'deleteEvents'] as const)
    it(`that fails in ${failing} is reported so, leaves the room whole, and goes through when it is asked for again`, async () => {
      await using server = await startTestServer({ log: silent })
      const root = await registerAdmin(server)
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const { roomId, old, kept } = await longRoom(server, alice, bob)
      const { store } = server.context
      const repair = failIn(store, failing)
      const status = async (id: string) =>
        accepted(await root.request('GET', `${admin}/v1/purge_history_status/${id}`)).status

      const first = accepted(await purgeHistory(root, roomId, { delete_local_events: true }, kept)).purge_id
      await server.settle()
      assert.equal(await status(first), 'failed')
      assert.deepEqual(await bodiesOf(bob, roomId), ['newest', 'kept'])
      await sendText(alice, roomId, 'meanwhile')
      assert.deepEqual(await checkRoom(server.context, roomId), [])

      repair()
      const again = accepted(await purgeHistory(root, roomId, { delete_local_events: true }, kept)).purge_id
      await server.settle()
      assert.equal(await status(again), 'complete')
      assert.equal(await store.rooms.events.find(old as EventId), undefined)
      assert.deepEqual(await bodiesOf(bob, roomId), ['meanwhile', 'newest', 'kept'])
      assert.deepEqual(await checkRoom(server.context, roomId), [])
    })

  it('refuses what it cannot do', async () => {
    await using server = await startTestServer()
    const root = await registerAdmin(server)
    const [roomId, other] = [await createRoom(root), await createRoom(root)]
    const foreign = await sendText(root, other, 'elsewhere')
    refused(await purgeHistory(root, roomId, {}), 400, 'M_BAD_JSON')
    refused(await purgeHistory(root, roomId, {}, foreign), 404, 'M_NOT_FOUND')
    refused(await purgeHistory(root, '!none:test', { purge_up_to_ts: 1 }), 404, 'M_NOT_FOUND')
    refused(await root.request('GET', `${admin}/v1/purge_history_status/none`), 404, 'M_NOT_FOUND')
  })

  it('goes on after a kill where it was, on the next server of the same database', async () => {
    const database = await createTestDatabase()
    const clock = fakeClock()
    const start = () =>
      startServer(loadConfig({ settings: testSettings(database) }), { log: failuresOnly, checkReplies: true, clock })
    let running = await start()
    try {
      await registerAdmin(running)
      const { registerUser } = await import('../../support/server/client.ts')
      const [alice, bob] = [await registerUser(running.url, 'alice'), await registerUser(running.url, 'bob')]
      const { roomId, old, kept } = await longRoom(running, alice, bob)
      await running.settle()
      const quiet = { ...running.context.bus, publish: () => {} }
      // Killed, it renews no lease.
      const frozen = { ...clock, every: () => () => {} }
      const ctx = { ...running.context, bus: quiet, clock: frozen, processId: 'killed' }
      const asked = { roomId, before: { eventId: kept }, deleteLocal: true }
      const id = await requestHistoryPurge(ctx, asked)
      const dead = Promise.withResolvers<void>()
      const transaction: Context['store']['transaction'] = async (work) => {
        const answer = await ctx.store.transaction(work)
        const purge = await ctx.store.rooms.purges.find(id)
        if (purge?.step !== 'events' || purge.cursor === 0) return answer
        dead.resolve()
        return new Promise<never>(() => {})
      }
      void collectPurges({ ...ctx, store: { ...ctx.store, transaction } })
      await dead.promise
      assert.equal(await ctx.store.rooms.events.find(old), undefined)
      const left = await countOf(running, (await ctx.store.rooms.rooms.find(roomId))!.nid)
      assert.ok(left > 100)
      await running.close()

      running = await start()
      const again = await loginUser(running.url, 'root')
      await running.settle()
      const status = async () => accepted(await again.request('GET', `${admin}/v1/purge_history_status/${id}`)).status
      // The killed process has the lease no longer: nobody waits for its end.
      assert.equal(await status(), 'complete')
      assert.deepEqual(await bodiesOf(await loginUser(running.url, 'bob'), roomId), ['newest', 'kept'])
      assert.ok((await countOf(running, (await running.context.store.rooms.rooms.find(roomId))!.nid)) < 20)
      assert.deepEqual(await checkRoom(running.context, roomId), [])
    } finally {
      await running.close()
      await database.remove()
    }
  })
})

describe('deletion of a room', () => {
  it('makes the users leave, and leaves nothing of the room', async () => {
    await using server = await startTestServer()
    const [root, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const { roomId } = await longRoom(server, alice, bob)
    const { nid } = (await server.context.store.rooms.rooms.find(roomId))!
    const alias = '#lounge:test'
    const aliasPath = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`
    accepted(await alice.request('PUT', aliasPath, { room_id: roomId }))
    const elsewhere = await createRoom(alice)

    const { delete_id: id } = accepted(await deleteRoom(root, roomId))
    await server.settle()

    const status = accepted(await root.request('GET', `${admin}/v2/rooms/delete_status/${id}`))
    assert.equal(status.status, 'complete')
    assert.deepEqual(status.shutdown_room, {
      kicked_users: [alice.userId, bob.userId],
      failed_to_kick_users: [],
      local_aliases: [alias],
      new_room_id: null,
    })
    const path = `${admin}/v2/rooms/${encodeURIComponent(roomId)}/delete_status`
    assert.deepEqual(accepted(await root.request('GET', path)), { results: [status] })
    refused(await alice.request('GET', roomPath(roomId, 'state')), 403, 'M_FORBIDDEN')
    refused(await join(alice, roomId), 404, 'M_NOT_FOUND')
    refused(await alice.request('GET', aliasPath), 404, 'M_NOT_FOUND')
    assert.deepEqual(accepted(await alice.request('GET', '/_matrix/client/v3/joined_rooms')).joined_rooms, [elsewhere])
    assert.equal(await countOf(server, nid), 0)
    assert.deepEqual(await server.context.store.rooms.check.spansAt(nid, Number.MAX_SAFE_INTEGER), [])
    assert.deepEqual(
      await server.context.store.rooms.members.listUsers(nid, ['join', 'leave', 'invite', 'ban', 'knock']),
      [],
    )
    assert.deepEqual(await server.context.store.rooms.receipts.listOfUser(roomId, bob.userId), [])
  })

  it('blocks a room on request, also one that is not known', async () => {
    await using server = await startTestServer()
    const [root, alice] = [await registerAdmin(server), await server.register('alice')]
    const roomId = await createRoom(root, { preset: 'public_chat' })
    accepted(await deleteRoom(root, roomId, { block: true, purge: false }))
    await server.settle()
    refused(await join(alice, roomId), 403, 'M_FORBIDDEN')
    assert.ok(await server.context.store.rooms.rooms.find(roomId))
    assert.deepEqual(await checkRoom(server.context, roomId), [])

    accepted(await deleteRoom(root, '!elsewhere:example.org', { block: true }))
    refused(await join(alice, '!elsewhere:example.org'), 403, 'M_FORBIDDEN')
  })

  it('lets nobody enter or ask to enter a blocked room by another way', async () => {
    await using server = await startTestServer()
    const [root, alice] = [await registerAdmin(server), await server.register('alice')]
    const open = await createRoom(root, { preset: 'public_chat' })
    const knocking = await createRoom(root, {
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    })
    for (const roomId of [open, knocking]) accepted(await deleteRoom(root, roomId, { block: true, purge: false }))
    await server.settle()

    refused(await putState(alice, open, ['m.room.member', alice.userId], { membership: 'join' }), 403, 'M_FORBIDDEN')
    const knock = `/_matrix/client/v3/knock/${encodeURIComponent(knocking)}`
    refused(await alice.request('POST', knock, {}), 403, 'M_FORBIDDEN')
    refused(
      await putState(alice, knocking, ['m.room.member', alice.userId], { membership: 'knock' }),
      403,
      'M_FORBIDDEN',
    )
  })

  it('refuses what it cannot do', async () => {
    await using server = await startTestServer()
    const root = await registerAdmin(server)
    const roomId = await createRoom(root)
    refused(await deleteRoom(root, '!none:test'), 404, 'M_NOT_FOUND')
    refused(await deleteRoom(root, 'none'), 400, 'M_INVALID_PARAM')
    refused(await deleteRoom(root, roomId, { new_room_user_id: '@x:test' }), 400, 'M_INVALID_PARAM')
    refused(await root.request('GET', `${admin}/v2/rooms/delete_status/none`), 404, 'M_NOT_FOUND')
    const path = `${admin}/v2/rooms/${encodeURIComponent(roomId)}/delete_status`
    refused(await root.request('GET', path), 404, 'M_NOT_FOUND')
  })
})
