import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { member, state } from '../../../support/generators/acts.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { alice } from '../../../support/generators/scene.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'

const bob: UserId = '@bob:s1.test'
const us: UserId = '@us:test'

/** Both sides change the state, and an event that follows both joins them. */
async function forkTwice(room: TestRoom, server: ReceivingServer, join: EventId): Promise<void> {
  const named = (name: string) => ({ type: 'm.room.name', sender: alice, state_key: '', content: { name } })
  const left = room.add(named('left'), { prevs: [join] })
  const right = room.add(named('right'), { prevs: [join] })
  const leaving = { type: 'm.room.member', sender: bob, state_key: bob, content: { membership: 'leave' } }
  const last = room.add(leaving, { prevs: [left, right] })
  for (const id of [left, right, last])
    assert.equal((await server.receive(room.roomId, room.replay.events.get(id))).outcome, 'accepted')
}

describe('joining a room of another server', function () {
  this.timeout(20_000)
  for (const id of ['1', '10', '12'])
    it(`takes over its state in room version ${id}, keeps what is rejected out of it, and goes on from there`, async () => {
      const remote = openedRoom(id, { creator: alice })
      remote.add(member(bob, bob, 'join'))
      const before = remote.replay.stateBefore(remote.order.slice(-1))
      const forged = remote.make(
        { type: 'm.room.name', sender: bob, state_key: '', content: { name: 'forged' } },
        { prevs: remote.order.slice(-1) },
      )
      const join = remote.add(member(us, us, 'join'))

      await using server = await startReceiving()
      const { roomId } = remote
      const answer = sendJoinAnswer(remote, join)
      const result = await importSendJoin(server.ctx, {
        ...answer,
        state: [...answer.state, forged as unknown as JsonValue],
      })
      assert.deepEqual(result, { eventId: join, outcome: 'accepted' })
      const expected = new Map(remote.replay.stateAfter.get(join))
      for (const line of [await server.line(roomId), await server.lineFromDisk(roomId)]) {
        assert.deepEqual(new Map([...line.state].map(([key, { eventId }]) => [key, eventId])), expected)
        assert.deepEqual(line.forwardExtremities, [join])
        assert.deepEqual([...line.localUsers], [us])
        assert.equal(line.count('join'), 3)
      }
      const line = await server.line(roomId)
      const stored = await server.ctx.store.rooms.events.find(join)
      const diff = await diffFromCurrent(server.ctx, line, await stateBefore(server.ctx, stored!))
      assert.deepEqual(new Map(entriesOf(line, diff)), new Map(before))
      const next = remote.make({ type: 'm.room.message', sender: bob, content: {} }, { prevs: [join] })
      assert.equal((await server.receive(roomId, next)).outcome, 'accepted')
      await forkTwice(remote, server, join)
      assert.deepEqual(await checkRoom(server.ctx, roomId), [])
    })

  it('tells the state before a second join whose past nobody gave us, beside what we knew', async () => {
    const remote = openedRoom('11', { creator: alice })
    await using server = await startReceiving()
    const adopt = async (user: UserId): Promise<Map<string, EventId>> => {
      const before = remote.replay.stateBefore(remote.order.slice(-1))
      const join = remote.add(member(user, user, 'join'))
      const result = await importSendJoin(server.ctx, sendJoinAnswer(remote, join))
      assert.deepEqual(result, { eventId: join, outcome: 'accepted' })
      const line = await server.line(remote.roomId)
      const stored = await server.ctx.store.rooms.events.find(join)
      const diff = await diffFromCurrent(server.ctx, line, await stateBefore(server.ctx, stored!))
      assert.deepEqual(new Map(entriesOf(line, diff)), new Map(before))
      return new Map(remote.replay.stateAfter.get(join))
    }
    await adopt(us)
    // What happens now is not told to us.
    remote.add(member(bob, bob, 'join'))
    remote.add(state(alice, 'm.room.name', { name: 'elsewhere' }))
    remote.add(state(alice, 'm.room.power_levels', { users: { [alice]: 100, [bob]: 50 } }))
    const after = await adopt('@other:test')
    const line = await server.lineFromDisk(remote.roomId)
    assert.deepEqual(new Map([...line.state].map(([key, { eventId }]) => [key, eventId])), after)
    assert.deepEqual(await checkRoom(server.ctx, remote.roomId), [])
  })
})
