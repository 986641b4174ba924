import assert from 'node:assert/strict'
import { eventsCommitted } from '#bus/topics.ts'
import { openStore } from '#store/open.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import { countingStore } from '../../support/server/counting-store.ts'
import { createTestDatabase } from '../../support/server/databases.ts'
import { deviceKeysOf, oneTimeKeysOf } from '../../support/server/device-crypto.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'
import { sync, type Synced } from '../../support/server/sync.ts'
import { createRoom, join, roomPath, sendText } from '../../support/rooms/rooms.ts'

const client = '/_matrix/client/v3'

type House = { server: TestServer; names: string[]; alice: TestUser; bob: TestUser; roomId: string; eventId: string }

/** Alice and Bob in a room, over a store that counts; `work` has the house to itself. */
async function inHouse(work: (house: House) => Promise<void>): Promise<void> {
  const database = await createTestDatabase()
  const opened = await openStore({ url: database.url, poolSize: 4, now: () => 0 })
  const { store, names } = countingStore(opened)
  try {
    await using server = await startTestServer({ store })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    await work({ server, names, alice, bob, roomId, eventId: await sendText(alice, roomId, 'first') })
  } finally {
    await database.remove()
  }
}

/** Syncs Alice until nothing is new, with all that she syncs with in memory; answers her token. */
async function caughtUp({ alice, roomId, bob }: House): Promise<string> {
  const { next_batch: first } = await sync(alice)
  await sendText(bob, roomId, 'warm-up')
  let { next_batch: since } = await sync(alice, { since: first })
  for (let round = 0; round < 2; round++) ({ next_batch: since } = await sync(alice, { since }))
  return since
}

/** What Alice's next answer reads once somebody did something that moves a stream for her. */
async function readsAfter(house: House, act: () => Promise<unknown>): Promise<{ reads: string[]; answer: Synced }> {
  const since = await caughtUp(house)
  const { waiters } = house.server.context
  const { userId, deviceId } = house.alice
  const ticket = waiters.register({ keys: [userId, `${userId} ${deviceId}`] })
  await act()
  await ticket.woken
  ticket.release()
  // What is counted is what the request asks, not what followers of the events do besides.
  await house.server.settle()
  house.names.length = 0
  const answer = await sync(house.alice, { since })
  return { reads: [...new Set(house.names)].sort(), answer }
}

const upload = (user: TestUser, body: object) => user.request('POST', `${client}/keys/upload`, body)

describe('committed events', () => {
  it('are announced in the same turn in which the position of their stream moves', () =>
    inHouse(async ({ server, alice, roomId }) => {
      const { bus, store } = server.context
      const seen: boolean[] = []
      bus.subscribe(eventsCommitted, ({ position }) => {
        const isEarlier = store.eventWriter.position() < position
        queueMicrotask(() => seen.push(isEarlier && store.eventWriter.position() >= position))
      })
      await sendText(alice, roomId, 'one')
      await Promise.all(['two', 'three', 'four'].map((text) => sendText(alice, roomId, text)))

      assert.deepEqual(seen, [true, true, true, true])
    }))
})

describe('an incremental answer', () => {
  it('N51 reads nothing that a message cannot have changed', () =>
    inHouse(async (house) => {
      const { reads, answer } = await readsAfter(house, () => sendText(house.bob, house.roomId, 'news'))

      assert.equal(answer.rooms.join?.[house.roomId]?.timeline.events.length, 1)
      assert.deepEqual(answer.device_one_time_keys_count, { signed_curve25519: 0 })
      assert.deepEqual(reads, [])
    }))

  it('N51 reads receipts alone for a receipt', () =>
    inHouse(async (house) => {
      const { bob, roomId, eventId } = house
      const { reads, answer } = await readsAfter(house, () =>
        bob.request('POST', roomPath(roomId, 'receipt', 'm.read', eventId), {}),
      )

      assert.equal(answer.rooms.join?.[roomId]?.ephemeral.events[0]?.type, 'm.receipt')
      assert.deepEqual(reads, ['rooms.receipts.listChanged', 'streams.positions'])
    }))

  it('N51 reads no stream of the store for typing', () =>
    inHouse(async (house) => {
      const { bob, roomId } = house
      const { reads, answer } = await readsAfter(house, () =>
        bob.request('PUT', roomPath(roomId, 'typing', bob.userId), { typing: true, timeout: 10_000 }),
      )

      assert.equal(answer.rooms.join?.[roomId]?.ephemeral.events[0]?.type, 'm.typing')
      assert.deepEqual(reads, [])
    }))

  it('N51 reads account data alone for account data', () =>
    inHouse(async (house) => {
      const { alice } = house
      const { reads, answer } = await readsAfter(house, () =>
        alice.request('PUT', `${client}/user/${alice.userId}/account_data/m.test`, { set: true }),
      )

      assert.deepEqual(
        answer.account_data.events.map(({ type }) => type),
        ['m.test'],
      )
      assert.deepEqual(reads, ['accounts.accountData.listChanged', 'streams.positions'])
    }))

  it('N51 reads the queue of the device alone for a to-device message', () =>
    inHouse(async (house) => {
      const { alice, bob } = house
      const messages = { [alice.userId]: { [alice.deviceId]: { number: 1 } } }
      const { reads, answer } = await readsAfter(house, () =>
        bob.request('PUT', `${client}/sendToDevice/m.test/1`, { messages }),
      )

      assert.equal(answer.to_device.events.length, 1)
      assert.deepEqual(reads, ['e2ee.toDevice.list', 'streams.positions'])
    }))

  it('N51 reads device lists alone when keys of a device change', () =>
    inHouse(async (house) => {
      const { bob } = house
      const { reads, answer } = await readsAfter(house, () => upload(bob, { device_keys: deviceKeysOf(bob) }))

      assert.deepEqual(answer.device_lists.changed, [bob.userId])
      assert.deepEqual(reads, ['e2ee.deviceLists.changedUsers', 'rooms.sharing.sharingAmong', 'streams.positions'])
    }))

  it('N51 reads whose presence may be seen alone for presence', () =>
    inHouse(async (house) => {
      const { bob } = house
      const { reads, answer } = await readsAfter(house, () =>
        bob.request('PUT', `${client}/presence/${bob.userId}/status`, { presence: 'unavailable' }),
      )

      assert.deepEqual(
        answer.presence.events.map(({ sender }) => sender),
        [bob.userId],
      )
      assert.deepEqual(reads, ['rooms.sharing.sharingAmong'])
    }))

  it('N51 reads everything when somebody joins, so that nothing about the newcomer is missed', () =>
    inHouse(async (house) => {
      const { server, roomId } = house
      const carol = await server.register('carol')
      accepted(await upload(carol, { device_keys: deviceKeysOf(carol) }))
      accepted(await carol.request('PUT', `${client}/presence/${carol.userId}/status`, { presence: 'unavailable' }))
      const { reads, answer } = await readsAfter(house, () => join(carol, roomId))

      assert.deepEqual(answer.device_lists.changed, [carol.userId])
      assert.ok(answer.presence.events.some(({ sender }) => sender === carol.userId))
      assert.ok(reads.includes('streams.positions'))
    }))

  it('names the key counts as they are, whoever changed them, without reading them each time', () =>
    inHouse(async (house) => {
      const { alice, bob, names } = house
      const keys = { device_keys: deviceKeysOf(alice), one_time_keys: oneTimeKeysOf(alice, [1, 2]) }
      const count = async (since: string) => (await sync(alice, { since })).device_one_time_keys_count.signed_curve25519
      const since = await caughtUp(house)

      accepted(await upload(alice, keys))
      const uploaded = await count(since)
      const claim = { one_time_keys: { [alice.userId]: { [alice.deviceId]: 'signed_curve25519' } } }
      accepted(await bob.request('POST', `${client}/keys/claim`, claim))
      const claimed = await count(since)
      names.length = 0
      const again = await count(since)

      assert.deepEqual([uploaded, claimed, again], [2, 1, 1])
      assert.ok(!names.includes('e2ee.oneTimeKeys.stock'))
    }))

  it('is not woken by what concerns another device of the user', () =>
    inHouse(async (house) => {
      const { server, alice, bob } = house
      const tablet = await server.login('alice')
      const since = await caughtUp(house)
      const ended = { is: false }
      const poll = sync(alice, { since, timeout: '30000' }).finally(() => (ended.is = true))
      await server.clock.waiting()
      const messages = { [alice.userId]: { [tablet.deviceId]: {} } }
      accepted(await bob.request('PUT', `${client}/sendToDevice/m.test/1`, { messages }))
      accepted(await bob.request('GET', `${client}/account/whoami`))
      const early = ended.is
      await server.clock.advance(30_000)

      assert.equal(early, false)
      assert.equal((await poll).to_device, undefined)
      assert.equal((await sync(tablet)).to_device.events.length, 1)
    }))

  it('is not woken by what its filter leaves out', () =>
    inHouse(async (house) => {
      const { server, alice, bob, roomId, names } = house
      const filter = { presence: { types: [] }, room: { ephemeral: { types: [] } } }
      const since = await caughtUp(house)
      const poll = sync(alice, { since, timeout: '30000', filter })
      await server.clock.waiting()
      accepted(await bob.request('PUT', roomPath(roomId, 'typing', bob.userId), { typing: true, timeout: 60_000 }))
      accepted(await bob.request('PUT', `${client}/presence/${bob.userId}/status`, { presence: 'unavailable' }))
      names.length = 0
      await server.clock.advance(30_000)

      assert.equal((await poll).next_batch, since)
      assert.deepEqual(names, [])
    }))
})
