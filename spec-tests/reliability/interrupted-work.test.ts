import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { accepted, registerUser, testClient } from '../support/server/client.ts'
import { createTestDatabase } from '../support/server/databases.ts'
import { assertDatabaseIsRight } from '../support/rooms/room-check.ts'
import { createRoom, roomPath } from '../support/rooms/rooms.ts'
import { startServerProcess } from '../support/server/server-process.ts'

const rooms = 40
const patienceMs = 20_000

describe('work that a kill interrupts', function () {
  this.timeout(60_000)

  it('goes on at the next start: a new name reaches every room', async () => {
    const database = await createTestDatabase()
    let server = startServerProcess(database)
    try {
      const url = (await server.ready)!
      const alice = await registerUser(url, 'alice')
      const roomIds = []
      for (let number = 0; number < rooms; number++) roomIds.push(await createRoom(alice))
      const name = { displayname: 'Alice' }
      accepted(await alice.request('PUT', `/_matrix/client/v3/profile/${alice.userId}/displayname`, name))
      await server.end('SIGKILL')

      server = startServerProcess(database)
      const again = testClient((await server.ready)!, alice.accessToken)
      const isShown = async (roomId: string) => {
        const { body } = await again.request('GET', roomPath(roomId, 'state', 'm.room.member', alice.userId))
        return body.displayname === 'Alice'
      }
      const deadline = Date.now() + patienceMs
      let left = roomIds
      while (left.length > 0 && Date.now() < deadline) {
        const shown = await Promise.all(left.map(isShown))
        left = left.filter((_, index) => !shown[index])
        await pause(50)
      }

      assert.deepEqual(left, [])
      await server.end('SIGTERM')
      await assertDatabaseIsRight(database)
    } finally {
      await server.end('SIGKILL')
      await database.remove()
    }
  })
})
