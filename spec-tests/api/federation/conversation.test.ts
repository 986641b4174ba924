import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { createRoom, roomPath } from '../../support/rooms/rooms.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf } from '../../support/server/device-crypto.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const text = (body: string) => ({ msgtype: 'm.text', body })

describe('a conversation between two servers', () => {
  let federation: Federation
  let [a, b]: TestServer[] = []
  let [alice, bob]: TestUser[] = []
  let roomId = ''

  before(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    ;[a, b] = federation.servers as [TestServer, TestServer]
    alice = await a!.register('alice')
    bob = await b!.register('bob')
    roomId = await createRoom(alice, { preset: 'public_chat', room_alias_name: 'meeting' })
    accepted(await bob.request('POST', `/_matrix/client/v3/join/${encodeURIComponent('#meeting:a.test')}`, {}))
    await federation.settle()
  })
  after(() => federation[Symbol.asyncDispose]())

  const send = async (user: TestUser, body: string): Promise<string> => {
    const path = roomPath(roomId, 'send', 'm.room.message', `t${body}`)
    return accepted(await user.request('PUT', path, text(body))).event_id
  }
  const bodiesSeenBy = async (user: TestUser): Promise<string[]> => {
    const { body } = await user.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=50`)
    const messages = body.chunk as { type: string; content: { body?: string } }[]
    return messages.flatMap(({ content }) => (content.body === undefined ? [] : [content.body])).reverse()
  }

  it('shows who joined to both', async () => {
    for (const user of [alice!, bob!]) {
      const { body } = await user.request('GET', roomPath(roomId, 'joined_members'))
      assert.deepEqual(Object.keys(body.joined).sort(), [alice!.userId, bob!.userId])
    }
  })

  it('carries messages both ways, in order, once', async () => {
    for (let number = 0; number < 5; number++) {
      await send(alice!, `a${number}`)
      await send(bob!, `b${number}`)
    }
    await federation.settle()
    const sent = Array.from({ length: 5 }, (_, number) => [`a${number}`, `b${number}`]).flat()
    for (const user of [alice!, bob!]) {
      const seen = await bodiesSeenBy(user)
      assert.deepEqual(seen.toSorted(), sent.toSorted())
      for (const own of ['a', 'b'])
        assert.deepEqual(
          seen.filter((body) => body.startsWith(own)),
          sent.filter((body) => body.startsWith(own)),
        )
    }
  })

  it('goes on after one of the two was away', async () => {
    federation.network.cut('a.test', 'b.test')
    await send(alice!, 'while away')
    await federation.settle()
    assert.ok(!(await bodiesSeenBy(bob!)).includes('while away'))
    federation.network.heal('a.test', 'b.test')
    await federation.clock.advance(120_000)
    await federation.settle()
    await send(bob!, 'back')
    await federation.settle()
    for (const user of [alice!, bob!]) {
      const seen = await bodiesSeenBy(user)
      assert.deepEqual(seen.filter((body) => ['while away', 'back'].includes(body)).toSorted(), ['back', 'while away'])
    }
  })

  it('shows typing and receipts', async () => {
    const { next_batch: since } = await sync(bob!)
    const eventId = await send(alice!, 'read me')
    await alice!.request('PUT', roomPath(roomId, 'typing', alice!.userId), { typing: true, timeout: 20_000 })
    await alice!.request('POST', roomPath(roomId, 'receipt', 'm.read', eventId), {})
    await federation.clock.advance(2000)
    await federation.settle()
    const { rooms } = await sync(bob!, { since })
    const ephemeral = (rooms?.join?.[roomId]?.ephemeral?.events ?? []) as {
      type: string
      content: Record<string, unknown>
    }[]
    const typing = ephemeral.find(({ type }) => type === 'm.typing')
    assert.deepEqual(typing?.content, { user_ids: [alice!.userId] })
    const receipt = ephemeral.find(({ type }) => type === 'm.receipt')
    assert.ok(receipt && Object.keys(receipt.content).includes(eventId))
  })

  it('tells of new keys of devices, which are then found, and carries messages to these', async () => {
    await sync(alice!)
    const query = async () => {
      const { body } = await alice!.request('POST', '/_matrix/client/v3/keys/query', {
        device_keys: { [bob!.userId]: [] },
      })
      return body
    }
    await query()
    const { next_batch: since } = await sync(alice!)
    await bob!.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(bob!) })
    const { body: crossSigning } = crossSigningOf(bob!.userId)
    await bob!.request('POST', '/_matrix/client/v3/keys/device_signing/upload', crossSigning)
    await federation.settle()
    const told = await sync(alice!, { since })
    assert.deepEqual(told.device_lists?.changed, [bob!.userId])
    const asked = federation.network.requests.length
    const found = await query()
    assert.deepEqual(Object.keys(found.device_keys[bob!.userId]), [bob!.deviceId])
    assert.ok(found.master_keys[bob!.userId])
    assert.deepEqual(
      federation.network.requests.slice(asked).map(({ uri }) => uri),
      [],
      'the list is kept up by what the other server says',
    )
    const messages = { [bob!.userId]: { [bob!.deviceId]: { hello: 'bob' } } }
    await alice!.request('PUT', '/_matrix/client/v3/sendToDevice/m.test/t1', { messages })
    await federation.settle()
    const { to_device: inbox } = await sync(bob!)
    assert.deepEqual(inbox?.events, [{ sender: alice!.userId, type: 'm.test', content: { hello: 'bob' } }])
  })

  it('T45 finds the device list again when one change of it was lost', async () => {
    await bob!.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [alice!.userId]: [] } })
    await alice!.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(alice!) })
    await federation.settle()
    await bob!.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [alice!.userId]: [] } })
    federation.network.interceptor = async (_from, request, go) => {
      const body = request.body?.replace(/"edu_type":"m.device_list_update"/g, '"edu_type":"org.example.lost"')
      const { authorization: _signed, ...headers } = request.headers
      return body === request.body ? go(request) : { status: 200, headers, body: Buffer.from('{"pdus":{}}') }
    }
    const second = await a!.login('alice')
    await second.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(second) })
    await federation.settle()
    federation.network.interceptor = undefined
    const third = await a!.login('alice')
    await third.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(third) })
    await federation.settle()
    await federation.clock.advance(60_000)
    await federation.settle()
    const { body } = await bob!.request('POST', '/_matrix/client/v3/keys/query', {
      device_keys: { [alice!.userId]: [] },
    })
    assert.deepEqual(
      Object.keys(body.device_keys[alice!.userId]).sort(),
      [alice!.deviceId, second.deviceId, third.deviceId].sort(),
    )
  })
})
