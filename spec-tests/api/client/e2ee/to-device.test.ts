import assert from 'node:assert/strict'
import type { TestUser } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import type { UserId } from '#protocol/ids.ts'

let transaction = 0
const send = (user: TestUser, messages: unknown, { type = 'm.test', txnId = `t${transaction++}` } = {}) =>
  user.request('PUT', `/_matrix/client/v3/sendToDevice/${encodeURIComponent(type)}/${txnId}`, { messages })

const position = async ({ context }: TestServer) => (await context.store.streams.positions()).to_device

/** The messages of a /sync, and the token that acknowledges them. */
const receive = async (user: TestUser, since?: string) => {
  const query = since === undefined ? '' : `&since=${since}`
  const { body } = await user.request('GET', `/_matrix/client/v3/sync?timeout=0${query}`)
  return { events: body.to_device.events as { content: { number: number } }[], next: body.next_batch as string }
}

const waiting = async ({ context }: TestServer, { userId, deviceId }: { userId: UserId; deviceId: string }) =>
  (await context.store.e2ee.toDevice.list({ userId, deviceId }, { limit: 100_000 })).length

const numbers = (inbox: Awaited<ReturnType<typeof receive>>) => inbox.events.map(({ content }) => content.number)

describe('to-device messages', () => {
  it('reach the devices they name, and all devices for *', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const [tablet, carol] = [await server.login('bob'), await server.register('carol')]

    const reply = await send(alice, {
      [bob.userId]: { [bob.deviceId]: { to: 'phone' }, '*': { to: 'rest' } },
      [carol.userId]: { '*': { to: 'all' } },
    })

    assert.deepEqual([reply.status, reply.body], [200, {}])
    const event = (to: string) => ({ sender: alice.userId, type: 'm.test', content: { to } })
    assert.deepEqual((await receive(bob)).events, [event('phone')])
    assert.deepEqual((await receive(tablet)).events, [event('rest')])
    assert.deepEqual((await receive(carol)).events, [event('all')])
    assert.deepEqual((await receive(alice)).events, [])
  })

  it('are sent once for each transaction of a device', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const tablet = await server.login('alice')
    const messages = { [bob.userId]: { '*': {} } }

    await Promise.all([1, 2, 3].map(() => send(alice, messages, { txnId: 'same' })))
    assert.equal(await waiting(server, bob), 1)

    await send(tablet, messages, { txnId: 'same' })
    assert.equal(await waiting(server, bob), 2)
  })

  it('come in order, at most 100 at a time, until a token acknowledges them', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    for (let number = 0; number < 105; number++) await send(alice, { [bob.userId]: { [bob.deviceId]: { number } } })

    const first = await receive(bob)
    const repeated = await receive(bob)
    const second = await receive(bob, first.next)
    const lost = await receive(bob, first.next)
    const last = await receive(bob, second.next)

    assert.deepEqual(
      numbers(first),
      Array.from({ length: 100 }, (_, number) => number),
    )
    assert.deepEqual(repeated.events, first.events)
    assert.deepEqual(numbers(second), [100, 101, 102, 103, 104])
    assert.deepEqual(lost.events, second.events)
    assert.deepEqual(last.events, [])
    assert.equal(await waiting(server, bob), 0)
    assert.deepEqual((await receive(bob)).events, [])
  })

  it('T40 for unknown devices, unknown users and other servers are not stored', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const fake = Array.from(
      { length: 5000 },
      (_, index) => [`@user${index}:test`, { '*': {}, [`D${index}`]: {} }] as const,
    )
    const devices = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`D${index}`, {}]))

    const statuses = [
      await send(alice, Object.fromEntries(fake)),
      await send(alice, { [bob.userId]: devices }),
      await send(alice, { '@bob:elsewhere.example': { '*': {} }, nonsense: { '*': {} } }),
      await send(alice, { [bob.userId]: { '*': {} }, '@\0:test': { '*': {} } }),
    ].map(({ status }) => status)

    assert.deepEqual(statuses, [200, 200, 200, 400])
    assert.equal(await position(server), 0)
    assert.equal(await waiting(server, { userId: bob.userId, deviceId: 'D1' }), 0)
    assert.equal(await waiting(server, { userId: '@bob:elsewhere.example', deviceId: '*' }), 0)
  })

  it('T84 drop the oldest beyond what a queue may hold', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const queue = { userId: bob.userId, deviceId: bob.deviceId, sender: alice.userId, type: 'm.test', content: '{}' }
    const full = Array.from({ length: 10_000 }, (_, index) => ({ ...queue, position: index - 20_000 }))
    await server.context.store.e2ee.toDevice.insert(full)

    await send(alice, { [bob.userId]: { '*': { newest: true } } })

    const { store } = server.context
    const kept = await store.e2ee.toDevice.list(queue, { limit: 100_000 })
    assert.equal(kept.length, 10_000)
    assert.deepEqual([kept[0]?.position, kept.at(-1)?.content], [-19_999, '{"newest":true}'])
  })

  it('end with their device', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await send(alice, { [bob.userId]: { '*': {} } })

    await bob.request('POST', '/_matrix/client/v3/logout')

    assert.equal(await waiting(server, bob), 0)
  })

  it('end the long polls of those who get them, and of nobody else', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const poll = async (user: TestUser) => {
      const { next } = await receive(user)
      return user.request('GET', `/_matrix/client/v3/sync?timeout=30000&since=${next}`)
    }
    const [bobs, alices] = [poll(bob), poll(alice)]
    await server.clock.waiting(2)

    await send(alice, { [bob.userId]: { '*': { number: 1 } } })

    const got = await bobs
    assert.deepEqual(numbers({ events: got.body.to_device.events, next: '' }), [1])
    await server.clock.advance(30_000)
    const empty = (await alices).body
    assert.deepEqual(empty.device_one_time_keys_count, { signed_curve25519: 0 })
    assert.equal(empty.to_device, undefined)
  })

  it('T41 of a wrong shape are 400', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const messages of [
      undefined,
      null,
      [],
      { '@a:test': null },
      { '@a:test': { D: null } },
      { '@a:test': { D: 'x' } },
    ])
      assert.equal((await send(alice, messages)).status, 400)
  })
})
