import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { RemoteRoom } from '../../../support/federation/remote-room.ts'
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
      const remote = new RemoteRoom(id)
      const { room } = remote
      remote.send(bob, ['m.room.member', bob], { membership: 'join' })
      const before = room.replay.stateBefore(room.order.slice(-1))
      const forged = room.make(
        { type: 'm.room.name', sender: bob, state_key: '', content: { name: 'forged' } },
        { prevs: room.order.slice(-1) },
      )
      const join = remote.letIn(us)

      await using server = await startReceiving()
      const { roomId } = room
      const answer = remote.answerTo(join)
      const result = await importSendJoin(server.ctx, {
        ...answer,
        state: [...answer.state, forged as unknown as JsonValue],
      })
      assert.deepEqual(result, { eventId: join, outcome: 'accepted' })
      const expected = new Map(room.replay.stateAfter.get(join))
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
      const next = room.make({ type: 'm.room.message', sender: bob, content: {} }, { prevs: [join] })
      assert.equal((await server.receive(roomId, next)).outcome, 'accepted')
      await forkTwice(room, server, join)
      assert.deepEqual(await checkRoom(server.ctx, roomId), [])
    })

  it('tells the state before a second join whose past nobody gave us, beside what we knew', async () => {
    const remote = new RemoteRoom('11')
    const { room } = remote
    await using server = await startReceiving()
    const adopt = async (user: UserId): Promise<Map<string, EventId>> => {
      const before = room.replay.stateBefore(room.order.slice(-1))
      const join = remote.letIn(user)
      const result = await importSendJoin(server.ctx, remote.answerTo(join))
      assert.deepEqual(result, { eventId: join, outcome: 'accepted' })
      const line = await server.line(room.roomId)
      const stored = await server.ctx.store.rooms.events.find(join)
      const diff = await diffFromCurrent(server.ctx, line, await stateBefore(server.ctx, stored!))
      assert.deepEqual(new Map(entriesOf(line, diff)), new Map(before))
      return new Map(room.replay.stateAfter.get(join))
    }
    await adopt(us)
    // What happens now is not told to us.
    remote.send(bob, ['m.room.member', bob], { membership: 'join' })
    remote.send(alice, ['m.room.name', ''], { name: 'elsewhere' })
    remote.send(alice, ['m.room.power_levels', ''], { users: { [alice]: 100, [bob]: 50 } })
    const after = await adopt('@other:test')
    const line = await server.lineFromDisk(room.roomId)
    assert.deepEqual(new Map([...line.state].map(([key, { eventId }]) => [key, eventId])), after)
    assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
  })
})
