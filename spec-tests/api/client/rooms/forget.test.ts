import assert from 'node:assert/strict'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { act, createRoom, join, leave, roomPath, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { readMessages, readRoom, readRoomV1 } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync } from '../../../support/server/sync.ts'

const forget = (user: TestUser, roomId: string) => user.request('POST', roomPath(roomId, 'forget'), {})
const withLeft = { room: { include_leave: true } }

describe('POST /rooms/{roomId}/forget', () => {
  it('N08 forgets the room until the user joins it, is invited or knocks, whatever moderators do', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const root = await sendText(alice, roomId, 'root')
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'reply' })
    accepted(await join(bob, roomId))
    const { next_batch: joined } = await sync(bob)
    accepted(await leave(bob, roomId))
    const { next_batch: left } = await sync(bob, { since: joined })
    accepted(await forget(bob, roomId))
    for (const action of ['ban', 'unban', 'ban', 'unban']) {
      accepted(await act(alice, action, roomId, bob.userId))
      for (const isCold of [false, true]) {
        if (isCold) await server.context.rooms.drop(roomId as never)
        const answers = [await sync(bob, { since: left }), await sync(bob, { filter: withLeft }), await sync(bob)]
        for (const { rooms } of answers) assert.deepEqual(rooms, {}, action)
        const replies = [
          await readMessages(bob, roomId),
          await readRoom(bob, [roomId, 'event', root]),
          await readRoom(bob, [roomId, 'context', root]),
          await readRoom(bob, [roomId, 'members']),
          await readRoom(bob, [roomId, 'state']),
          await readRoomV1(bob, [roomId, 'relations', root]),
          await readRoomV1(bob, [roomId, 'threads']),
        ]
        assert.deepEqual(
          replies.map(({ status }) => status),
          [403, 404, 403, 403, 403, 404, 403],
          action,
        )
      }
    }
    assert.ok((await sync(bob, { since: joined })).rooms.leave?.[roomId])
    accepted(await act(alice, 'invite', roomId, bob.userId))
    assert.ok((await sync(bob, { since: left })).rooms.invite?.[roomId])
    accepted(await leave(bob, roomId))
    accepted(await readMessages(bob, roomId))
    accepted(await forget(bob, roomId))
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    accepted(await readMessages(bob, roomId))
  })
})
