import assert from 'node:assert/strict'
import { startTestServer, type TestServer } from '../../support/server.ts'
import { createRoom } from '../../support/rooms.ts'

/** The room's events as they lie on disk, oldest first. */
async function eventsOf(server: TestServer, roomId: string) {
  const room = await server.context.store.rooms.find(roomId)
  const page = { roomNid: room!.nid, from: 0, direction: 'forwards' as const, limit: 100 }
  const events = await server.context.store.events.page(page)
  return events.map(({ type, stateKey, clientJson }) => ({ type, stateKey, content: JSON.parse(clientJson).content }))
}

describe('creating rooms', () => {
  for (const version of ['3', '6', '9', '10', '11', '12'])
    it(`makes a room of version ${version}`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const roomId = await createRoom(alice, { room_version: version, name: 'Tea' })
      const events = await eventsOf(server, roomId)
      assert.equal(events[0]!.content.room_version, version)
      assert.match(roomId, version === '12' ? /^![\w-]{43}$/ : /^![A-Za-z0-9]{18}:test$/)
    })
})
