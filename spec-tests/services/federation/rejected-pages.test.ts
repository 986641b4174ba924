import assert from 'node:assert/strict'
import type { EventWrite } from '#store/room-write.ts'
import { createRoom, roomPath } from '../../support/rooms.ts'
import { startTestServer } from '../../support/server.ts'

const rejected = (index: number): EventWrite => ({
  eventId: `$rejected${index}`,
  type: 'm.room.message',
  stateKey: null,
  sender: '@mallory:elsewhere',
  originServerTs: index,
  clientJson: JSON.stringify({ type: 'm.room.message', sender: '@mallory:elsewhere', content: {} }),
  graphJson: '{}',
  status: 'rejected',
})

describe('paging past rejected events', () => {
  it('T22 reaches the start of the room behind 500 of them, and shows none', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { rooms, store } = server.context
    const line = await rooms.get(roomId)
    const { nid, heads, depth, lastPosition, lineVersion } = line
    const room = { roomId: line.roomId, version: line.version.id, nid, heads, depth, lastPosition, lineVersion }
    for (let batch = 0; batch < 5; batch++) {
      const events = Array.from({ length: 100 }, (_, index) => rejected(batch * 100 + index))
      await store.eventWriter.write({ ...room, lineVersion: lineVersion + batch, events }, () => line.lineVersion++)
    }
    const sent = await alice.request('PUT', roomPath(roomId, 'send', 'm.room.message', '1'), { body: 'after' })
    assert.equal(sent.status, 200)

    const types: string[] = []
    for (let from: string | undefined, pages = 0; pages < 50; pages++) {
      const query = `?dir=b&limit=5${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
      const { body } = await alice.request('GET', `${roomPath(roomId, 'messages')}${query}`)
      const chunk = body.chunk as { type: string; sender: string }[]
      assert.ok(chunk.every(({ sender }) => sender === '@alice:test'))
      types.push(...chunk.map(({ type }) => type))
      from = body.end as string | undefined
      if (from === undefined) break
    }
    assert.equal(types[0], 'm.room.message')
    assert.equal(types.at(-1), 'm.room.create')
  })
})
