import assert from 'node:assert/strict'
import { createRoom, join, leave, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { accepted, refused } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

describe('the initial sync of one room', () => {
  it('N35 shows a member its state, newest events and account data', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { name: 'Tea', visibility: 'public' })
    await sendText(alice, roomId, 'one')
    const last = await sendText(alice, roomId, 'two')
    const tag = `/_matrix/client/v3/user/${alice.userId}/rooms/${encodeURIComponent(roomId)}/tags/m.favourite`
    accepted(await alice.request('PUT', tag, { order: 0.5 }))
    const shown = accepted(await alice.request('GET', `${roomPath(roomId, 'initialSync')}?limit=2`))
    assert.deepEqual([shown.room_id, shown.membership, shown.visibility], [roomId, 'join', 'public'])
    assert.deepEqual(
      shown.messages.chunk.map(({ content }: { content: { body: string } }) => content.body),
      ['one', 'two'],
    )
    assert.equal(shown.messages.chunk[1].event_id, last)
    assert.ok(shown.state.some(({ type }: { type: string }) => type === 'm.room.name'))
    assert.deepEqual(shown.account_data, [{ type: 'm.tag', content: { tags: { 'm.favourite': { order: 0.5 } } } }])
    const before = `${roomPath(roomId, 'messages')}?dir=b&from=${shown.messages.start}&limit=1`
    const [earlier] = accepted(await alice.request('GET', before)).chunk
    assert.notEqual(earlier.event_id, shown.messages.chunk[0].event_id)
  })

  it('N35 lets anybody look at a world-readable room, and refuses all others alike', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const visibility = { type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } }
    const open = await createRoom(alice, { initial_state: [visibility] })
    const closed = await createRoom(alice, { preset: 'public_chat' })
    const shown = accepted(await bob.request('GET', roomPath(open, 'initialSync')))
    assert.equal(shown.membership, undefined)
    assert.ok(shown.messages.chunk.length > 0)
    const unknown = await bob.request('GET', roomPath('!nowhere:test', 'initialSync'))
    refused(unknown, 403, 'M_FORBIDDEN')
    assert.deepEqual(await bob.request('GET', roomPath(closed, 'initialSync')), unknown)
  })

  it('T80 N35 shows who left the room as it was then', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    await leave(bob, roomId)
    await sendText(alice, roomId, 'after')
    const shown = accepted(await bob.request('GET', roomPath(roomId, 'initialSync')))
    assert.equal(shown.membership, 'leave')
    assert.equal(shown.messages.chunk.at(-1).state_key, bob.userId)
  })
})
