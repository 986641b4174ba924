import assert from 'node:assert/strict'
import { startTestServer } from '../../support/server.ts'
import { accepted, createRoom, join, sendText } from '../../support/rooms.ts'

describe('sending events', () => {
  it('answers the same event to a retry with the same transaction id', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const first = await sendText(alice, roomId, 'hello', 'txn')
    const second = await sendText(alice, roomId, 'hello', 'txn')
    assert.equal(first, second)
    assert.notEqual(await sendText(alice, roomId, 'hello', 'other'), first)
  })

  it('makes one event of twenty identical requests at once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const twenty = Array.from({ length: 20 }, () => sendText(alice, roomId, 'hello', 'txn'))
    const others = Array.from({ length: 5 }, (_, at) => sendText(bob, roomId, `${at}`))
    assert.equal(new Set(await Promise.all(twenty)).size, 1)
    assert.equal(new Set(await Promise.all(others)).size, 5)
  })
})
