import assert from 'node:assert/strict'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, putState, redact, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { readAllMessages, readRoom, readRoomV1 } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'

/** Everything a member can read of the room, as one text. */
async function everythingReadable(user: TestUser, roomId: string, eventIds: readonly string[]): Promise<string> {
  const replies: unknown[] = [
    await readAllMessages(user, roomId),
    await readAllMessages(user, roomId, { dir: 'f' }),
    accepted(await readRoom(user, [roomId, 'state'])),
    accepted(await readRoom(user, [roomId, 'members'])),
    accepted(await readRoom(user, [roomId, 'joined_members'])),
    accepted(await readRoomV1(user, [roomId, 'threads'])),
  ]
  for (const eventId of eventIds) {
    replies.push(accepted(await readRoom(user, [roomId, 'event', eventId])))
    replies.push(accepted(await readRoom(user, [roomId, 'context', eventId], { limit: 100 })))
    replies.push(accepted(await readRoomV1(user, [roomId, 'relations', eventId], { recurse: true })))
  }
  return JSON.stringify(replies)
}

for (const version of ['10', '11', '12'])
  describe(`a redacted event of room version ${version}`, () => {
    it('T81 has its content nowhere any more, neither warm nor cold', async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const bob = await server.register('bob')
      const roomId = await createRoom(alice, { preset: 'public_chat', room_version: version })
      accepted(await join(bob, roomId))
      const root = await sendText(alice, roomId, 'root')
      const leaks = [
        await sendText(alice, roomId, 'leaked message'),
        await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'leaked thread' }),
        await sendRelated(alice, roomId, { relType: 'm.replace', parentId: root, body: 'leaked edit' }),
        await sendRelated(alice, roomId, { relType: 'm.reference', parentId: root, body: 'leaked reference' }),
        accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'leaked topic' })).event_id,
        accepted(
          await putState(bob, roomId, ['m.room.member', bob.userId], {
            membership: 'join',
            displayname: 'leaked name',
          }),
        ).event_id,
        accepted(await putState(alice, roomId, ['m.room.name'], { name: 'leaked room name' })).event_id,
      ]
      const ids = [root, ...leaks]
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'fine' }))
      assert.match(await everythingReadable(bob, roomId, ids), /leaked/)

      for (const eventId of leaks) accepted(await redact(alice, roomId, eventId))

      for (const cold of [false, true]) {
        if (cold) await server.context.rooms.drop(roomId)
        assert.doesNotMatch(await everythingReadable(bob, roomId, ids), /leaked/)
        const event = accepted(await readRoom(bob, [roomId, 'event', root]))
        assert.equal(event.unsigned['m.relations'], undefined, 'a redacted event relates to nothing')
      }
    })

    it('says which event redacted it, in both places of the target', async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const roomId = await createRoom(alice, { preset: 'public_chat', room_version: version })
      const target = await sendText(alice, roomId, 'doomed')
      await sendRelated(alice, roomId, { relType: 'm.replace', parentId: target, body: 'edited' })
      await sendRelated(alice, roomId, { relType: 'm.thread', parentId: target, body: 'thread' })
      const redaction = accepted(await redact(alice, roomId, target)).event_id

      for (const cold of [false, true]) {
        if (cold) await server.context.rooms.drop(roomId)
        const { content, unsigned } = accepted(await readRoom(alice, [roomId, 'event', target]))
        const because = unsigned.redacted_because
        assert.deepEqual(content, {})
        assert.deepEqual([because.event_id, because.type], [redaction, 'm.room.redaction'])
        assert.deepEqual([because.redacts, because.content.redacts], [target, target])
        assert.deepEqual(Object.keys(unsigned['m.relations']), ['m.thread'], 'edits of it are gone, its thread is not')
        const itself = accepted(await readRoom(alice, [roomId, 'event', redaction]))
        assert.deepEqual([itself.redacts, itself.content.redacts], [target, target])
      }
    })
  })
