import assert from 'node:assert/strict'
import { textsOf, readMessages } from '../support/rooms/room-reads.ts'
import { createRoom, sendText } from '../support/rooms/rooms.ts'
import { accepted, refused } from '../support/server/client.ts'
import { runCommand } from '../support/server/command.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'
import { sync } from '../support/server/sync.ts'

/** A command on the data of a running server. */
async function beside({ context: { config } }: TestServer, ...words: string[]): Promise<string> {
  const env = {
    MYELIN_SERVER_NAME: config.server_name,
    MYELIN_DATA_DIR: config.data_dir,
    MYELIN_DATABASE_URL: config.database.url,
    MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
  }
  const { code, printed } = await runCommand(env, words)
  assert.equal(code, 0, printed)
  return printed
}

const whoami = '/_matrix/client/v3/account/whoami'

describe('commands beside the running server', () => {
  it('N26 end sessions at once with the old password, and what waits in them', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { next_batch: since } = await sync(alice)
    accepted(await alice.request('GET', whoami))
    const waiting = alice.request('GET', `/_matrix/client/v3/sync?since=${since}&timeout=600000`)

    await beside(server, 'user', 'reset-password', 'alice', '--password', 'another password')

    refused(await alice.request('GET', whoami), 401, 'M_UNKNOWN_TOKEN')
    refused(
      await alice.request('PUT', `/_matrix/client/v3/rooms/${roomId}/send/m.room.message/1`, {}),
      401,
      'M_UNKNOWN_TOKEN',
    )
    refused(await waiting, 401, 'M_UNKNOWN_TOKEN')
  })

  it('N26 purge what the server has in memory', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    for (const text of ['one', 'two', 'three']) await sendText(alice, roomId, text)
    const shown = async () => textsOf(accepted(await readMessages(alice, roomId, { limit: 10 })).chunk)
    assert.deepEqual(await shown(), ['three', 'two', 'one'])

    await beside(server, 'room', 'purge', roomId, '--before', '9999999999999', '--local')

    assert.deepEqual(await shown(), ['three'])
  })

  it('N26 make accounts that can log in at once', async () => {
    await using server = await startTestServer()
    await beside(server, 'user', 'create', 'bob', '--password', 'a good password')
    const identifier = { type: 'm.id.user', user: 'bob' }
    const body = { type: 'm.login.password', identifier, password: 'a good password' }
    accepted(await server.anonymous.request('POST', '/_matrix/client/v3/login', body))
  })
})
