import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { jobsChanged, roomHidden } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { jobLeaseMs } from '#jobs/job-worker.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { withContext } from '#server.ts'
import { requestRoomDeletion } from '#services/rooms/purge/delete-room.ts'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { deleteRoomJob, purgeHistoryJob } from '#services/rooms/purge/purge-plan.ts'
import { deletionStatus, historyPurgeStatus } from '#services/rooms/purge/purge-status.ts'
import { collectPurges } from '#services/rooms/purge/purge-worker.ts'
import { openPostgres } from '#store/engine/postgres/engine.ts'
import { openSqlite } from '#store/engine/sqlite/engine.ts'
import { up } from '../../../../migrations/0022-purge-jobs.ts'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { createRoom, join, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { silent, startTestServer, type TestServer } from '../../../support/server/server.ts'

type Store = Context['store']
type Room = { roomId: RoomId; nid: number; last: EventId }

/** A room with a little of everything that is kept for one. */
async function smallRoom({ context }: TestServer, alice: TestUser): Promise<Room> {
  const roomId = (await createRoom(alice, { preset: 'public_chat', topic: 'first' })) as RoomId
  const said = await sendText(alice, roomId, 'old')
  accepted(await alice.request('POST', roomPath(roomId, 'receipt', 'm.read', said), {}))
  const data = `/_matrix/client/v3/user/${encodeURIComponent(alice.userId)}/rooms/${encodeURIComponent(roomId)}`
  accepted(await alice.request('PUT', `${data}/account_data/mine`, { some: 'thing' }))
  const last = (await sendText(alice, roomId, 'last')) as EventId
  return { roomId, nid: (await context.store.rooms.rooms.find(roomId))!.nid, last }
}

const askFor = (ctx: Context, { roomId }: Room) =>
  requestRoomDeletion(ctx, { roomId, by: '@root:test', block: false, purge: true, force: false })

const eventsOf = async ({ context: { store } }: TestServer, { nid }: Room) =>
  (await store.rooms.check.events(nid, { after: Number.MIN_SAFE_INTEGER, limit: 1000 })).length

async function assertNothingLeft(server: TestServer, alice: TestUser, room: Room): Promise<void> {
  const { store } = server.context
  assert.equal(await store.rooms.rooms.find(room.roomId), undefined)
  assert.equal(await eventsOf(server, room), 0)
  assert.deepEqual(await store.rooms.check.spansAt(room.nid, Number.MAX_SAFE_INTEGER), [])
  assert.deepEqual(await store.rooms.members.listUsers(room.nid, ['join', 'leave']), [])
  assert.deepEqual(await store.rooms.receipts.listOfUser(room.roomId, alice.userId), [])
  refused(await join(alice, room.roomId), 404, 'M_NOT_FOUND')
}

type Death = { dieAt: number; isDone: boolean }

/** Another process works on purges until it is killed, before or after a transaction; false when it came to the end. */
function isKilled(server: TestServer, { dieAt, isDone }: Death): Promise<boolean> {
  return withContext(server.context.config, async (ctx) => {
    const dead = Promise.withResolvers<boolean>()
    let calls = 0
    const transaction: Store['transaction'] = async (work) => {
      const isLast = ++calls === dieAt
      if (!isLast || isDone) {
        const answer = await ctx.store.transaction(work)
        if (!isLast) return answer
      }
      bus.publish = () => {}
      dead.resolve(true)
      return new Promise<never>(() => {})
    }
    // Its timers stand still: it renews no lease.
    const clock = { ...server.clock, every: () => () => {} }
    const bus = { ...ctx.bus }
    const killed = { ...ctx, clock, bus, log: silent, store: { ...ctx.store, transaction } }
    return Promise.race([collectPurges(killed).then(() => false), dead.promise])
  })
}

/** Lets the server go on where another process was killed. */
async function takeOver(server: TestServer): Promise<void> {
  for (const kind of [deleteRoomJob, purgeHistoryJob]) server.context.bus.publish(jobsChanged, { kind })
  await server.settle()
  await server.clock.advance(jobLeaseMs)
  await server.settle()
}

/** A server's effects, but that no worker hears of what is asked for. */
const quiet = ({ context }: TestServer): Context => ({ ...context, bus: { ...context.bus, publish: () => {} } })

type Step = 'deleteIntervals' | 'deleteRoomRows' | 'hideRoom'

/** Lets one step of purges fail inside its transaction, until what this answers is called. */
function failIn(store: Store, step: Step | 'receipts'): () => void {
  const { transaction } = store
  const fail = () => Promise.reject(new Error('The disk is full'))
  store.transaction = (work) =>
    transaction((tx) => {
      const { receipts, purges } = tx.rooms
      const failing =
        step === 'receipts' ? { receipts: { ...receipts, deleteSome: fail } } : { purges: { ...purges, [step]: fail } }
      return work({ ...tx, rooms: { ...tx.rooms, ...failing } })
    })
  return () => void (store.transaction = transaction)
}

/** Keeps the event writer before its commits until what this answers is called. */
function holdWrites(store: Store): () => void {
  const { write } = store.eventWriter
  const held = Promise.withResolvers<void>()
  store.eventWriter.write = async (...args) => {
    await held.promise
    return write(...args)
  }
  return () => {
    store.eventWriter.write = write
    held.resolve()
  }
}

describe('a room that is hidden while a write is under way', () => {
  const topicOf = async (user: TestUser, roomId: RoomId) =>
    accepted(await user.request('GET', roomPath(roomId, 'state', 'm.room.topic'))).topic

  for (const [who, hide] of [
    ['another process', async ({ context: { bus } }, { roomId }) => bus.publish(roomHidden, { roomId })],
    ['a purge of its history', ({ context }, { roomId, last }) => requestHistoryPurge(context, { roomId, before: { eventId: last }, deleteLocal: false })], // prettier-ignore
  ] as [string, (server: TestServer, room: Room) => Promise<unknown>][])
    it(`N26 by ${who} is read anew with what was written`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const room = await smallRoom(server, alice)
      const release = holdWrites(server.context.store)
      const writing = alice.request('PUT', roomPath(room.roomId, 'state', 'm.room.topic'), { topic: 'second' })
      while (server.context.rooms.peek(room.roomId)?.pendingWrites !== 1) await setImmediate()
      const hiding = hide(server, room)
      await setImmediate()
      assert.equal(await topicOf(alice, room.roomId), 'first')
      release()
      await Promise.all([writing.then(accepted), hiding])
      await server.settle()
      assert.equal(await topicOf(alice, room.roomId), 'second')
      await sendText(alice, room.roomId, 'newest')
      assert.deepEqual(await checkRoom(server.context, room.roomId), [])
    })
})

describe('the collection of purges', () => {
  it('goes on with a room after a kill at every slice', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    let kills = 0
    for (const isDone of [false, true])
      for (let dieAt = 1; ; dieAt++) {
        const room = await smallRoom(server, alice)
        const id = await askFor(quiet(server), room)
        if (!(await isKilled(server, { dieAt, isDone }))) break
        kills++
        await takeOver(server)
        assert.equal((await deletionStatus(server.context, id)).status, 'complete', `${dieAt} ${isDone}`)
        await assertNothingLeft(server, alice, room)
      }
    assert.ok(kills > 20, `${kills}`)
  })

  it('goes on with history after a kill at every slice', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    let kills = 0
    for (const isDone of [false, true])
      for (let dieAt = 1; ; dieAt++) {
        const room = await smallRoom(server, alice)
        const asked = { roomId: room.roomId, before: { eventId: room.last }, deleteLocal: true }
        const id = await requestHistoryPurge(quiet(server), asked)
        const before = await eventsOf(server, room)
        if (!(await isKilled(server, { dieAt, isDone }))) break
        kills++
        await takeOver(server)
        assert.equal((await historyPurgeStatus(server.context, id)).status, 'complete', `${dieAt} ${isDone}`)
        assert.ok((await eventsOf(server, room)) < before)
        assert.deepEqual(await checkRoom(server.context, room.roomId), [])
      }
    assert.ok(kills > 8, `${kills}`)
  })

  it('writes nothing once another process has taken it over', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const room = await smallRoom(server, alice)
    const id = await askFor(quiet(server), room)
    await withContext(server.context.config, async (ctx) => {
      const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let calls = 0
      const transaction: Store['transaction'] = async (work) => {
        if (++calls === 5) {
          reached.resolve()
          await goOn.promise
        }
        return ctx.store.transaction(work)
      }
      const clock = { ...server.clock, every: () => () => {} }
      const bus = { ...ctx.bus, publish: () => {} }
      const slow = collectPurges({ ...ctx, clock, bus, log: silent, store: { ...ctx.store, transaction } })
      await reached.promise
      await takeOver(server)
      const done = await server.context.store.rooms.purges.find(id)
      goOn.resolve()
      await slow

      assert.equal(done?.status, 'complete')
      assert.deepEqual(await server.context.store.rooms.purges.find(id), done)
      assert.equal(calls, 5)
    })
  })

  for (const step of ['hideRoom', 'deleteRoomRows', 'receipts'] as const)
    it(`tries a deletion that fails in ${step} again after growing pauses, and lets nobody in meanwhile`, async () => {
      await using server = await startTestServer({ log: silent })
      const alice = await server.register('alice')
      const room = await smallRoom(server, alice)
      const repair = failIn(server.context.store, step)
      const id = await askFor(server.context, room)
      const status = async () => (await deletionStatus(server.context, id)).status
      await server.settle()
      assert.equal(await status(), 'failed')
      refused(await join(alice, room.roomId), 403, 'M_FORBIDDEN')
      await server.clock.advance(1000)
      await server.settle()
      assert.equal(await status(), 'failed')
      repair()
      await server.clock.advance(1999)
      await server.settle()
      assert.equal(await status(), 'failed')
      await server.clock.advance(1)
      await server.settle()
      assert.equal(await status(), 'complete')
      await assertNothingLeft(server, alice, room)
    })

  it('goes on with a failed deletion at once when it is asked for again', async () => {
    await using server = await startTestServer({ log: silent })
    const alice = await server.register('alice')
    const room = await smallRoom(server, alice)
    const repair = failIn(server.context.store, 'deleteRoomRows')
    const id = await askFor(server.context, room)
    await server.settle()
    assert.equal(await server.context.store.rooms.rooms.find(room.roomId), undefined)
    repair()
    assert.equal(await askFor(server.context, room), id)
    await server.settle()
    assert.equal((await deletionStatus(server.context, id)).status, 'complete')
    await assertNothingLeft(server, alice, room)
    await assert.rejects(askFor(server.context, room), { errcode: 'M_NOT_FOUND' })
  })

  it('is refused twice while it is under way, and goes on when its job was cancelled', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const room = await smallRoom(server, alice)
    const id = await askFor({ ...quiet(server), tokens: { ...server.context.tokens, id: () => 'one' } }, room)
    await assert.rejects(askFor(server.context, room), { errcode: 'M_UNKNOWN' })
    assert.equal(await server.context.store.jobs.jobs.cancel('one', server.clock.now()), true)
    assert.equal(await askFor(server.context, room), id)
    await server.settle()
    assert.equal((await deletionStatus(server.context, id)).status, 'complete')
    await assertNothingLeft(server, alice, room)
  })

  it('ends that of history when the room is deleted before it comes to an end', async () => {
    await using server = await startTestServer({ log: silent })
    const alice = await server.register('alice')
    const room = await smallRoom(server, alice)
    const repair = failIn(server.context.store, 'deleteIntervals')
    const asked = { roomId: room.roomId, before: { eventId: room.last }, deleteLocal: true }
    const id = await requestHistoryPurge(server.context, asked)
    await server.settle()
    assert.equal((await historyPurgeStatus(server.context, id)).status, 'failed')
    const deletion = await askFor(server.context, room)
    await server.settle()
    repair()
    await server.clock.advance(1000)
    await server.settle()
    assert.equal((await deletionStatus(server.context, deletion)).status, 'complete')
    assert.equal((await historyPurgeStatus(server.context, id)).status, 'complete')
  })

  it('takes up what was asked for, or failed once it was hidden, before there were jobs for it', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [waiting, failed, kept] = [
      await smallRoom(server, alice),
      await smallRoom(server, alice),
      await smallRoom(server, alice),
    ]
    const { store, config } = server.context
    const ids = []
    for (const room of [waiting, failed, kept]) ids.push(await askFor(quiet(server), room))
    const url = config.database.url ?? ''
    const engine = url.startsWith('sqlite:') ? await openSqlite(url.slice('sqlite:'.length)) : openPostgres(url, 1)
    const { knex } = engine
    await knex.raw('alter table purges add column lease_owner text')
    await knex.raw('alter table purges add column lease_until bigint not null default 0')
    await knex('jobs').where({ kind: deleteRoomJob }).delete()
    await knex('rooms').where({ nid: failed.nid }).delete()
    await knex('purges').where({ id: ids[1] }).update({ status: 'failed', step: 'memberships' })
    await knex('purges').where({ id: ids[2] }).update({ status: 'failed' })
    await up(knex)
    await engine.close()
    await takeOver(server)

    const statuses = await Promise.all(ids.map(async (id) => (await deletionStatus(server.context, id!)).status))
    assert.deepEqual(statuses, ['complete', 'complete', 'failed'])
    for (const room of [waiting, failed]) await assertNothingLeft(server, alice, room)
    assert.ok(await store.rooms.rooms.find(kept.roomId))
  })
})
