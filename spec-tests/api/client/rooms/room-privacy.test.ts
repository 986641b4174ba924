import assert from 'node:assert/strict'
import { accepted, type TestReply, type TestUser } from '../../../support/server/client.ts'
import { act, createRoom, putState, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { readRoom, readRoomV1 } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'

/** Every way to look into a room; `eventId` is one of its events. */
const reads: Record<string, (user: TestUser, roomId: string, eventId: string) => Promise<TestReply>> = {
  messages: (user, roomId) => readRoom(user, [roomId, 'messages'], { dir: 'b' }),
  forwards: (user, roomId) => readRoom(user, [roomId, 'messages'], { dir: 'f', from: 't0' }),
  context: (user, roomId, eventId) => readRoom(user, [roomId, 'context', eventId]),
  event: (user, roomId, eventId) => readRoom(user, [roomId, 'event', eventId]),
  state: (user, roomId) => readRoom(user, [roomId, 'state']),
  name: (user, roomId) => readRoom(user, [roomId, 'state', 'm.room.name', '']),
  'name event': (user, roomId) => readRoom(user, [roomId, 'state', 'm.room.name', ''], { format: 'event' }),
  'no such state': (user, roomId) => readRoom(user, [roomId, 'state', 'no.such.type', '']),
  members: (user, roomId) => readRoom(user, [roomId, 'members']),
  'members then': (user, roomId) => readRoom(user, [roomId, 'members'], { at: 't999' }),
  'joined members': (user, roomId) => readRoom(user, [roomId, 'joined_members']),
  relations: (user, roomId, eventId) => readRoomV1(user, [roomId, 'relations', eventId]),
  'recursive relations': (user, roomId, eventId) =>
    readRoomV1(user, [roomId, 'relations', eventId, 'm.thread'], { recurse: true }),
  threads: (user, roomId) => readRoomV1(user, [roomId, 'threads']),
  timestamp: (user, roomId) => readRoomV1(user, [roomId, 'timestamp_to_event'], { ts: 0, dir: 'f' }),
}

describe('a private room', () => {
  it('T79 tells those who were never in it nothing, not even that it exists', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const stranger = await server.register('stranger')
    const invited = await server.register('invited')
    const banned = await server.register('banned')
    const declined = await server.register('declined')
    const knocking = await server.register('knocking')
    const roomId = await createRoom(alice, { name: 'secret name', invite: [invited.userId, declined.userId] })
    const eventId = await sendText(alice, roomId, 'secret text')
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: eventId, body: 'secret thread' })
    accepted(await act(alice, 'ban', roomId, banned.userId))
    accepted(await declined.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/leave`, {}))
    accepted(await putState(alice, roomId, ['m.room.join_rules'], { join_rule: 'knock' }))
    accepted(await knocking.request('POST', `/_matrix/client/v3/knock/${encodeURIComponent(roomId)}`, {}))

    for (const [name, read] of Object.entries(reads))
      for (const user of [stranger, invited, banned, declined, knocking]) {
        const { status, body } = await read(user, roomId, eventId)
        const unknown = await read(user, '!unknown:test', '$unknown')
        assert.deepEqual({ status, body }, { status: unknown.status, body: unknown.body }, `${name} ${user.userId}`)
        assert.ok(['M_FORBIDDEN', 'M_NOT_FOUND'].includes(body.errcode), `${name} ${user.userId}`)
        assert.ok(!JSON.stringify(body).includes('secret'))
      }
    for (const read of Object.values(reads)) assert.ok([200, 404].includes((await read(alice, roomId, eventId)).status))
  })

  it('T79 answers nobody without a token', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { name: 'secret name' })
    const eventId = await sendText(alice, roomId, 'secret text')
    const nobody = { ...alice, request: server.anonymous.request }

    for (const read of Object.values(reads)) assert.equal((await read(nobody, roomId, eventId)).status, 401)
  })
})
