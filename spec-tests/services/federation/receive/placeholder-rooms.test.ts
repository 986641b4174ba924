import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { openPostgres } from '#store/engine/postgres/engine.ts'
import { openSqlite } from '#store/engine/sqlite/engine.ts'
import { up } from '../../../../migrations/0014-placeholder-rooms.ts'
import { alice } from '../../../support/generators/scene.ts'
import { withWrites } from '../../../support/server/disturbed-writes.ts'
import { newRooms } from '../../../support/server/earlier-history.ts'
import { findTestKey, silent, type ReceivingContext } from '../../../support/federation/receive-needs.ts'
import { startReceiving } from '../../../support/federation/receiving.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { member } from '../../../support/generators/acts.ts'
import { createRoom, join as joinRoom, roomPath } from '../../../support/rooms/rooms.ts'
import { refused } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const us: UserId = '@us:test'
const bob: UserId = '@bob:s1.test'
const listed = (roomId: string) => `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`

const receiving = (server: TestServer): ReceivingContext => ({
  ...server.context,
  findKey: findTestKey,
  missingEvents: silent,
})

/** A join that fails with the last of its writes: the room is opened, and all that the join rests on is stored. */
async function failJoin(ctx: ReceivingContext, remote: TestRoom, join: EventId): Promise<void> {
  const failing = withWrites(ctx, async (number, write) => {
    if (number === 3) throw new Error('The database is full')
    return write()
  })
  await assert.rejects(importSendJoin(failing, sendJoinAnswer(remote, join)), /full/)
}

describe('a room known only from a join under way', () => {
  it('N32 is found neither by a join nor in the directory, also once other servers have written into it', async () => {
    await using server = await startTestServer()
    const user = await server.register('us')
    const ctx = receiving(server)
    const remote = openedRoom('11', { creator: alice })
    const { roomId } = remote
    const join = remote.add(member(us, us, 'join'))
    await failJoin(ctx, remote, join)
    const assertUnknown = async () => {
      refused(await joinRoom(user, roomId), 404, 'M_NOT_FOUND')
      refused(await user.request('GET', listed(roomId)), 404, 'M_NOT_FOUND')
      refused(await user.request('PUT', listed(roomId), { visibility: 'public' }), 404, 'M_NOT_FOUND')
      assert.equal(await ctx.rooms.find(roomId as never), undefined)
      assert.deepEqual(await ctx.rooms.findAll([roomId as never]), [undefined])
      assert.deepEqual((await newRooms(ctx.store)).map((room) => room.isPlaceholder), [true]) // prettier-ignore
    }

    await assertUnknown()
    const opening = remote.order.slice(1, 4)
    for (const id of [...opening, remote.add(member(bob, bob, 'join'), { prevs: opening.slice(-1) })])
      assert.equal((await receiveEvent(ctx, { origin: 's0.test', roomId, pdu: remote.json(id) })).outcome, 'accepted')
    await assertUnknown()
    await ctx.rooms.drop(roomId)
    await assertUnknown()
  })

  it('N32 is known with the first join of a user of this server, here and to other processes', async () => {
    await using server = await startReceiving()
    await using beside = await server.beside()
    const remote = openedRoom('11', { creator: alice })
    const { roomId } = remote
    const join = remote.add(member(us, us, 'join'))
    await failJoin(server.ctx, remote, join)
    assert.equal(await beside.ctx.rooms.find(roomId), undefined)

    assert.equal((await importSendJoin(beside.ctx, sendJoinAnswer(remote, join))).outcome, 'accepted')
    assert.deepEqual((await newRooms(server.ctx.store)).map((room) => room.isPlaceholder), [false]) // prettier-ignore
    assert.ok(await beside.ctx.rooms.find(roomId))
    await server.ctx.rooms.drop(roomId)
    assert.ok(await server.ctx.rooms.find(roomId))
  })

  it('N32 is told from all others in a database that did not say which rooms are such', async () => {
    await using server = await startTestServer()
    const user = await server.register('us')
    const own = await createRoom(user)
    const left = await createRoom(user)
    await user.request('POST', roomPath(left, 'leave'), {})
    const ctx = receiving(server)
    const [joined, failed] = [openedRoom('11', { creator: alice }), openedRoom('12', { creator: alice })]
    await importSendJoin(ctx, sendJoinAnswer(joined, joined.add(member(us, us, 'join'))))
    await failJoin(ctx, failed, failed.add(member(us, us, 'join')))

    const url = server.context.config.database.url ?? ''
    const engine = url.startsWith('sqlite:') ? await openSqlite(url.slice('sqlite:'.length)) : openPostgres(url, 1)
    await engine.knex.raw('alter table rooms drop column is_placeholder')
    await up(engine.knex)
    await engine.close()

    const placeholders = (await server.context.store.rooms.rooms.list()).filter((room) => room.isPlaceholder)
    assert.deepEqual(placeholders.map((room) => room.roomId), [failed.roomId]) // prettier-ignore
    assert.ok((await newRooms(server.context.store)).some((room) => room.roomId === own))
  })
})
