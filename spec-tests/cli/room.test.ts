import assert from 'node:assert/strict'
import { loginUser, registerUser } from '../support/server/client.ts'
import { runCommand } from '../support/server/command.ts'
import { createTestDatabase, type TestDatabase } from '../support/server/databases.ts'
import { createRoom, sendText } from '../support/rooms/rooms.ts'
import { failuresOnly, testSettings } from '../support/server/server.ts'
import { loadConfig } from '#base/config/load.ts'
import { startServer } from '../../src/server.ts'

const startOn = (database: TestDatabase) =>
  startServer(loadConfig({ settings: testSettings(database) }), { log: failuresOnly, checkReplies: true })

const command = ({ url, folder }: TestDatabase, ...words: string[]) =>
  runCommand({ MYELIN_SERVER_NAME: 'test', MYELIN_DATA_DIR: folder, MYELIN_DATABASE_URL: url }, ['room', ...words])

describe('room commands', () => {
  it('check says what differs, repairs it, and tells by the exit code whether anything remains', async () => {
    const database = await createTestDatabase()
    try {
      const server = await startOn(database)
      const alice = await registerUser(server.url, 'alice')
      const roomId = await createRoom(alice)
      const { nid } = (await server.context.store.rooms.rooms.find(roomId))!
      const { length } = await server.context.store.rooms.rooms.list()
      assert.deepEqual(await command(database, 'check', '--all'), {
        code: 0,
        printed: `${length} rooms checked, 0 differences remain\n`,
      })
      const spoiled = { membership: 'leave' }
      const key = { room_nid: nid, user_id: alice.userId }
      await server.context.store.rooms.check.apply([{ table: 'memberships', key, stored: {}, expected: spoiled }])
      await server.close()

      const found = await command(database, 'check', roomId)
      assert.equal(found.code, 1)
      assert.match(found.printed, /memberships .*@alice:test.* differs, expected .*"join"/)
      assert.equal((await command(database, 'check', roomId, '--repair')).code, 0)
      assert.equal((await command(database, 'check', roomId)).code, 0)
    } finally {
      await database.remove()
    }
  })

  it('check wants a room or --all, and a room that exists', async () => {
    const database = await createTestDatabase()
    try {
      assert.equal((await command(database, 'check')).code, 2)
      assert.equal((await command(database, 'check', '!x:test', '--all')).code, 2)
      assert.equal((await command(database, 'check', '!x:test')).code, 1)
    } finally {
      await database.remove()
    }
  })

  it('purge removes the history before a moment', async () => {
    const database = await createTestDatabase()
    try {
      let server = await startOn(database)
      const alice = await registerUser(server.url, 'alice')
      const roomId = await createRoom(alice)
      const one = await sendText(alice, roomId, 'one')
      const two = await sendText(alice, roomId, 'two')
      await server.close()

      assert.equal((await command(database, 'purge', roomId, '--before', 'soon')).code, 2)
      const { code, printed } = await command(database, 'purge', roomId, '--before', '9999999999999', '--local')
      assert.equal(code, 0)
      assert.match(printed, /is complete$/m)

      server = await startOn(database)
      assert.equal(await server.context.store.rooms.events.find(one), undefined)
      assert.ok(await server.context.store.rooms.events.find(two))
      await sendText(await loginUser(server.url, 'alice'), roomId, 'three')
      await server.close()
    } finally {
      await database.remove()
    }
  })
})
