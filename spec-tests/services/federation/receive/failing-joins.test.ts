import assert from 'node:assert/strict'
import type { UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { alice } from '../../../support/generators/scene.ts'
import { member } from '../../../support/generators/acts.ts'
import { withWrites, type Write } from '../../../support/server/disturbed-writes.ts'
import { findTestKey, silent, type ReceivingContext } from '../../../support/federation/receive-needs.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { assertRoomIs } from '../../../support/federation/assert-room-is.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { join as joinRoom, roomPath } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'

const us: UserId = '@us:test'

describe('a join of a room of another server that fails midway', function () {
  this.timeout(30_000)
  const remote = openedRoom('11', { creator: alice, notes: 200 })
  const { roomId } = remote
  const join = remote.add(member(us, us, 'join'))
  const accepted = { eventId: join, outcome: 'accepted' }

  /** The create event, what fills two batches of events without a place, and the join. */
  const writes = [1, 2, 3, 4]

  const failingAt = (failing: number, ctx: ReceivingContext, fail: (write: Write) => Promise<unknown>) =>
    withWrites(ctx, async (number, write) => {
      if (number === failing) await fail(write)
      return write()
    })
  const refuse = async () => {
    throw new Error('The database is full')
  }
  const conceal = async (write: Write) => {
    await write(false)
    throw new Error('The connection is lost')
  }

  async function assertAdoptable(server: ReceivingServer): Promise<void> {
    assert.deepEqual(await importSendJoin(server.ctx, sendJoinAnswer(remote, join)), accepted)
    await assertRoomIs(server, remote, [join])
  }

  for (const failing of writes) {
    it(`succeeds when it is tried again after write ${failing} failed`, async () => {
      await using server = await startReceiving()
      await assert.rejects(importSendJoin(failingAt(failing, server.ctx, refuse), sendJoinAnswer(remote, join)), /full/)
      if (failing > 1) assert.deepEqual(await checkRoom(server.ctx, roomId), [])
      await assertAdoptable(server)
    })

    it(`succeeds in a process that starts after the one before ended at write ${failing}`, async () => {
      await using server = await startReceiving()
      await assert.rejects(importSendJoin(failingAt(failing, server.ctx, refuse), sendJoinAnswer(remote, join)), /full/)
      await using restarted = await server.beside()
      await assertAdoptable(restarted)
    })

    it(`goes through when write ${failing} was done and only its answer is lost`, async () => {
      await using server = await startReceiving()
      const disturbed = failingAt(failing, server.ctx, conceal)
      assert.deepEqual(await importSendJoin(disturbed, sendJoinAnswer(remote, join)), accepted)
      await assertAdoptable(server)
    })

    it(`shows nobody anything of the room after write ${failing} failed`, async () => {
      await using server = await startTestServer()
      const user = await server.register('us')
      const ctx: ReceivingContext = { ...server.context, findKey: findTestKey, missingEvents: silent }
      const ask = async () => [
        await user.request('GET', `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`),
        await user.request('GET', roomPath(roomId, 'state')),
        await user.request('GET', roomPath(roomId, 'event', remote.order[0]!)),
        await user.request('GET', roomPath(roomId, 'messages')),
        await joinRoom(user, roomId),
      ]
      const unknown = await ask()
      await assert.rejects(importSendJoin(failingAt(failing, ctx, refuse), sendJoinAnswer(remote, join)), /full/)
      const replies = await ask()
      assert.deepEqual(replies.map(told), unknown.map(told))
      const { body } = await user.request('GET', '/_matrix/client/v3/sync')
      assert.deepEqual(body.rooms ?? {}, {})
      assert.deepEqual(await importSendJoin(ctx, sendJoinAnswer(remote, join)), accepted)
      assert.equal((await user.request('GET', roomPath(roomId, 'state'))).status, 200)
    })
  }
})

const told = ({ status, body }: { status: number; body: unknown }) => ({ status, body })
