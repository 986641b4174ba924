import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { appendEvent } from '#services/rooms/write/append.ts'
import { member, state } from '../../../support/generators/acts.ts'
import { startReceiving } from '../../../support/federation/receiving.ts'
import { assertRoomIs } from '../../../support/federation/assert-room-is.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { alice } from '../../../support/generators/scene.ts'

const bob: UserId = '@bob:s1.test'
const us: UserId = '@us:test'
const other: UserId = '@other:test'

for (const id of ['1', '10', '12'])
  describe(`events that come after their own followers, in room version ${id}`, function () {
    this.timeout(20_000)

    /** We are in, three things happen that nobody tells us, and another of our users is let in after them. */
    async function missThree() {
      const remote = openedRoom(id, { creator: alice })
      const server = await startReceiving()
      const join = remote.add(member(us, us, 'join'))
      assert.equal((await importSendJoin(server.ctx, sendJoinAnswer(remote, join))).outcome, 'accepted')
      const missed = [
        remote.add(member(bob, bob, 'join')),
        remote.add(state(alice, 'm.room.name', { name: 'elsewhere' })),
        remote.add(state(alice, 'm.room.topic', { topic: 'elsewhere' })),
      ] as const
      const second = remote.add(member(other, other, 'join'))
      assert.equal((await importSendJoin(server.ctx, sendJoinAnswer(remote, second))).outcome, 'accepted')
      const receive = async (eventId: EventId) =>
        assert.equal((await server.receive(remote.roomId, remote.json(eventId), 's0.test')).outcome, 'accepted')
      return { remote, server, join, missed, second, receive }
    }

    it('are no heads beside what follows them, once the way there is known', async () => {
      const { remote, server, join, missed, second, receive } = await missThree()
      await using _ = server
      const headsAfter = async () => (await server.line(remote.roomId)).forwardExtremities.toSorted()
      assert.deepEqual(await headsAfter(), [join, second].toSorted())
      for (const eventId of missed.slice(0, 2)) await receive(eventId)
      assert.deepEqual(await headsAfter(), [missed[1], second].toSorted())

      await receive(missed[2])
      assert.deepEqual(await headsAfter(), [second])
      await assertRoomIs(server, remote, [second])
      assert.deepEqual((await server.lineFromDisk(remote.roomId)).forwardExtremities, [second])
    })

    it('are followed by nobody again', async () => {
      const { remote, server, missed, second, receive } = await missThree()
      await using _ = server
      for (const eventId of missed) await receive(eventId)
      const draft = { type: 'm.room.message', sender: us, content: { body: 'here' } }
      const { eventId } = await appendEvent(server.ctx, remote.roomId, draft)
      const stored = await server.ctx.store.rooms.events.find(eventId)
      const { prev_events: prevs } = JSON.parse(stored!.graphJson) as { prev_events: (EventId | [EventId])[] }
      assert.deepEqual(prevs.map((prev) => (typeof prev === 'string' ? prev : prev[0])), [second]) // prettier-ignore
    })
  })
