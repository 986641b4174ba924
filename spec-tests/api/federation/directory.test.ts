import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import type { TestUser } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

describe('what servers look up at each other', () => {
  let federation: Federation
  let servers: readonly [TestServer, TestServer]
  let [alice, bob]: TestUser[] = []
  let roomId = ''
  before(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    servers = federation.servers as unknown as typeof servers
    alice = await servers[0].register('alice')
    bob = await servers[1].register('bob')
    const room = { preset: 'public_chat', visibility: 'public', name: 'Bees', room_alias_name: 'bees' }
    roomId = (await bob.request('POST', '/_matrix/client/v3/createRoom', room)).body.room_id
    await bob.request('POST', '/_matrix/client/v3/createRoom', { visibility: 'public', name: 'Ants' })
    await bob.request('PUT', `/_matrix/client/v3/profile/${bob.userId}/displayname`, { displayname: 'Bob' })
  })
  after(() => federation[Symbol.asyncDispose]())

  it('published rooms, in pages', async () => {
    const { status, body } = await alice!.request('GET', '/_matrix/client/v3/publicRooms?server=b.test&limit=1')
    assert.equal(status, 200)
    assert.equal(body.chunk.length, 1)
    assert.equal(body.total_room_count_estimate, 2)
    const next = `/_matrix/client/v3/publicRooms?server=b.test&limit=1&since=${body.next_batch}`
    const second = await alice!.request('GET', next)
    assert.notEqual(second.body.chunk[0].room_id, body.chunk[0].room_id)
  })

  it('published rooms, by a search', async () => {
    const { body } = await alice!.request('POST', '/_matrix/client/v3/publicRooms?server=b.test', {
      filter: { generic_search_term: 'bee' },
    })
    assert.deepEqual(
      body.chunk.map(({ name, canonical_alias: alias }: { name: string; canonical_alias: string }) => [name, alias]),
      [['Bees', '#bees:b.test']],
    )
  })

  it('aliases', async () => {
    const { status, body } = await alice!.request('GET', '/_matrix/client/v3/directory/room/%23bees:b.test')
    assert.equal(status, 200)
    assert.deepEqual(body, { room_id: roomId, servers: ['b.test'] })
    const unknown = await alice!.request('GET', '/_matrix/client/v3/directory/room/%23none:b.test')
    assert.deepEqual([unknown.status, unknown.body.errcode], [404, 'M_NOT_FOUND'])
  })

  it('profiles', async () => {
    const { status, body } = await alice!.request('GET', `/_matrix/client/v3/profile/${bob!.userId}`)
    assert.equal(status, 200)
    assert.deepEqual(body, { displayname: 'Bob' })
    const unknown = await alice!.request('GET', '/_matrix/client/v3/profile/@nobody:b.test/displayname')
    assert.deepEqual([unknown.status, unknown.body.errcode], [404, 'M_NOT_FOUND'])
  })

  it('T52 nothing for strangers, and nothing of addresses', async () => {
    const { anonymous } = servers[0]
    const before_ = federation.network.requests.length
    for (const path of ['/publicRooms?server=b.test', '/directory/room/%23bees:b.test']) {
      const { status } = await anonymous.request('GET', `/_matrix/client/v3${path}`)
      assert.ok([401, 404].includes(status), path)
    }
    assert.equal(federation.network.requests.length, before_)
  })

  it('nothing where the other server cannot be reached', async () => {
    federation.network.cut('a.test', 'b.test')
    const { status, body } = await alice!.request('GET', '/_matrix/client/v3/publicRooms?server=b.test')
    federation.network.heal('a.test', 'b.test')
    assert.deepEqual([status, body.errcode], [502, 'M_UNKNOWN'])
  })
})
