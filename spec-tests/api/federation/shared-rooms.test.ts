import assert from 'node:assert/strict'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { createRoom, join, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { accepted, refused, type TestUser } from '../../support/server/client.ts'
import { deviceKeysOf } from '../../support/server/device-crypto.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const joinAt = (user: TestUser, roomId: string, server: string) =>
  user.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?server_name=${server}`, {})

describe('a room of two servers', () => {
  let federation: Federation
  let [a, b]: TestServer[] = []
  let [alice, bob]: TestUser[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    ;[a, b] = federation.servers as [TestServer, TestServer]
    alice = await a!.register('alice')
    bob = await b!.register('bob')
  })
  after(() => federation[Symbol.asyncDispose]())

  const shared = async () => {
    const roomId = await createRoom(alice!, { preset: 'public_chat' })
    accepted(await joinAt(bob!, roomId, 'a.test'))
    await federation.settle()
    return roomId
  }

  it('shows the ACL to the server that it shuts out, and nothing after it', async () => {
    const roomId = await shared()
    const acl = { allow: ['*'], deny: ['b.test'] }
    accepted(await alice!.request('PUT', roomPath(roomId, 'state', 'm.room.server_acl'), acl))
    await federation.settle()
    const eventId = await sendText(alice!, roomId, 'without them')
    await federation.settle()
    const seen = await bob!.request('GET', roomPath(roomId, 'state', 'm.room.server_acl'))
    assert.deepEqual(accepted(seen), acl)
    assert.equal(await b!.context.store.rooms.events.find(eventId), undefined)
  })

  it('lets those redact what has not come here yet who may redact anything, and no others', async () => {
    const roomId = await shared()
    const redact = (user: TestUser) => user.request('PUT', roomPath(roomId, 'redact', '$unknown', 't1'), {})
    accepted(await redact(alice!))
    refused(await redact(bob!), 403, 'M_FORBIDDEN')
    const own = await createRoom(alice!)
    refused(await alice!.request('PUT', roomPath(own, 'redact', '$unknown', 't2'), {}), 404, 'M_NOT_FOUND')
  })

  it('names oneself among changed devices on coming in, and nobody else twice', async () => {
    const roomId = await createRoom(alice!, { preset: 'public_chat' })
    const carol = await b!.register('carol')
    const { next_batch: since } = await sync(carol)
    accepted(await joinAt(carol, roomId, 'a.test'))
    const { device_lists: lists } = await sync(carol, { since })
    assert.deepEqual(lists, { changed: [alice!.userId, carol.userId], left: [] })
    const local = await createRoom(bob!, { preset: 'public_chat' })
    const dave = await b!.register('dave')
    const { next_batch: before_ } = await sync(dave)
    accepted(await join(dave, local))
    assert.deepEqual((await sync(dave, { since: before_ })).device_lists, { changed: [bob!.userId], left: [] })
  })

  it('loses no change of a device list that comes while the list is first fetched', async () => {
    await shared()
    const erin = await b!.register('erin')
    accepted(await joinAt(erin, await createRoom(alice!, { preset: 'public_chat' }), 'a.test'))
    await federation.settle()
    const query = async () => {
      const asked = { device_keys: { [erin.userId]: [] } }
      return accepted(await alice!.request('POST', '/_matrix/client/v3/keys/query', asked)).device_keys[erin.userId]
    }
    federation.network.interceptor = async (_from, request, send) => {
      const answer = await send(request)
      if (!request.uri.includes('/user/devices/')) return answer
      federation.network.interceptor = undefined
      await erin.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(erin) })
      await federation.settle()
      return answer
    }
    assert.deepEqual(Object.keys(await query()), [erin.deviceId])
  })
})

describe('the signing keys of a server', () => {
  it('are answered as canonical JSON, which whoever verifies them need not write anew', async () => {
    await using federation = await startFederation(['a.test'])
    const [server] = federation.servers
    const text = await (await fetch(`${server!.url}/_matrix/key/v2/server`)).text()
    assert.equal(text, canonicalJson(JSON.parse(text)))
  })
})
