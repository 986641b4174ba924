import assert from 'node:assert/strict'
import { presenceChanged } from '#bus/topics.ts'
import type { UserId } from '#protocol/ids.ts'
import { deactivate } from '#services/accounts/deactivate.ts'
import { Presences } from '#services/presence/presences.ts'
import { openStore } from '#store/open.ts'
import { accepted, refused, registerUser, type TestUser } from '../../../support/server/client.ts'
import { countingStore } from '../../../support/server/counting-store.ts'
import { createTestDatabase } from '../../../support/server/databases.ts'
import { startRestartableServer } from '../../../support/server/restartable-server.ts'
import { createRoom, join } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync, type Synced } from '../../../support/server/sync.ts'

const pathOf = ({ userId }: { userId: string }) => `/_matrix/client/v3/presence/${encodeURIComponent(userId)}/status`
const put = (user: TestUser, body: object) => user.request('PUT', pathOf(user), body)
const told = ({ presence }: Synced, { userId }: TestUser) =>
  presence.events.filter(({ sender }) => sender === userId).map(({ content }) => content)

const states = (answer: Synced, user: TestUser) => told(answer, user).map(({ presence }) => presence)

describe('presence', () => {
  it('N27 is announced together when many change it within a moment, and told as it stands then', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    let announced = 0
    server.context.bus.subscribe(presenceChanged, () => void announced++)
    const { next_batch: since } = await sync(bob)
    for (let change = 0; change < 50; change++) {
      accepted(await put(alice, { presence: 'online', status_msg: `status ${change}` }))
      await server.clock.advance(20)
    }
    const inSecond = announced
    await server.clock.advance(1000)
    while (server.context.presence.unannounced.size > 0) await server.clock.advance(250)
    const statuses = told(await sync(bob, { since, timeout: '1000' }), alice).map(({ status_msg }) => status_msg)

    assert.ok(inSecond >= 10 && inSecond <= 15, `${inSecond} announcements`)
    assert.deepEqual(statuses, ['status 49'])
  })

  it('N27 has a rate limit of its own', async () => {
    await using server = await startTestServer({ settings: { rate_limits: { presence: { per_second: 1, burst: 2 } } } })
    const alice = await server.register('alice')
    const statuses = []
    for (let change = 0; change < 3; change++) statuses.push((await put(alice, { presence: 'online' })).status)

    assert.deepEqual(statuses, [200, 200, 429])
  })

  it('is seen by those who share a room, and by nobody else', async () => {
    await using server = await startTestServer()
    const [alice, bob, eve] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('eve'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))

    accepted(await put(alice, { presence: 'online', status_msg: 'Reading' }))
    await server.clock.advance(5_000)

    const seen = { presence: 'online', status_msg: 'Reading', last_active_ago: 5_000, currently_active: true }
    assert.deepEqual(accepted(await bob.request('GET', pathOf(alice))), seen)
    refused(await eve.request('GET', pathOf(alice)), 403, 'M_FORBIDDEN')
    assert.deepEqual(told(await sync(bob), alice), [seen])
    assert.deepEqual(told(await sync(eve), alice), [])
  })

  it('comes by sync when it changes', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    accepted(await put(alice, { presence: 'online' }))
    const first = await sync(bob)

    accepted(await put(alice, { presence: 'online' }))
    const same = await sync(bob, { since: first.next_batch })
    const waiting = sync(bob, { since: same.next_batch, timeout: '60000' })
    accepted(await put(alice, { presence: 'offline' }))
    const gone = await waiting

    assert.deepEqual(told(same, alice), [])
    assert.deepEqual(
      told(gone, alice).map(({ presence }) => presence),
      ['offline'],
    )
  })

  it('is marked by a sync that asks for it, without touching the status', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    accepted(await put(alice, { presence: 'online', status_msg: 'Reading' }))
    const { next_batch: since } = await sync(bob)

    await sync(alice)
    await sync(alice, { set_presence: 'unavailable' })

    const [seen] = told(await sync(bob, { since }), alice)
    assert.deepEqual([seen?.presence, seen?.status_msg], ['unavailable', 'Reading'])
  })

  it('is told to who begins to share a room', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await put(alice, { presence: 'unavailable', status_msg: 'At lunch' }))
    const [forAlice, forBob] = [await sync(alice), await sync(bob)]
    accepted(await join(bob, roomId))

    const met = await sync(bob, { since: forBob.next_batch })
    assert.deepEqual(
      told(met, alice).map(({ status_msg }) => status_msg),
      ['At lunch'],
    )
    assert.deepEqual(
      told(await sync(alice, { since: forAlice.next_batch }), bob).map(({ presence }) => presence),
      ['online'],
    )
    assert.deepEqual(told(await sync(bob, { since: met.next_batch }), alice), [])
  })

  it('N12 is online for who merely syncs, which those who share a room hear of', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    const { next_batch: since } = await sync(bob)
    const waiting = sync(bob, { since, timeout: '60000' })
    await server.clock.waiting()

    await sync(alice)

    assert.deepEqual(states(await waiting, alice), ['online'])
    const { next_batch: next } = await waiting
    await sync(alice)
    assert.deepEqual(states(await sync(bob, { since: next }), alice), [])
  })

  it('N12 fades with time, first to unavailable, and others hear of it', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    await sync(alice)
    let { next_batch: since } = await sync(bob)
    const seen: string[] = []
    for (let minute = 0; minute < 8; minute++) {
      await server.clock.advance(60_000)
      const answer = await sync(bob, { since })
      since = answer.next_batch
      seen.push(...states(answer, alice).map(String))
    }

    assert.deepEqual(seen, ['unavailable', 'offline'])
    assert.equal(accepted(await bob.request('GET', pathOf(alice))).presence, 'offline')
    assert.deepEqual(states(await sync(bob), alice), [])
  })

  it('N12 is told anew by who is back after others saw it between two looks at the time', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    const views = []
    for (let past = 119_000; past < 152_000; past += 1500) {
      await sync(alice)
      await server.clock.advance(past)
      const first = await sync(bob, { set_presence: 'offline' })
      await sync(alice)
      await server.clock.advance(1000)
      const second = await sync(bob, { since: first.next_batch, set_presence: 'offline' })
      views.push([past, [...states(first, alice), ...states(second, alice)].at(-1)])
    }

    assert.deepEqual(
      views,
      views.map(([past]) => [past, 'online']),
    )
  })

  it('N12 does not fade while a sync waits', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    const { next_batch: since } = await sync(alice)
    const waiting = sync(alice, { since, timeout: '300000' })
    await server.clock.waiting()

    await server.clock.advance(299_000)
    const during = accepted(await bob.request('GET', pathOf(alice))).presence
    await server.clock.advance(1000)
    await waiting

    assert.equal(during, 'online')
  })

  it('N12 is that of the device which is there most', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const phone = await server.login('alice')
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    const now = async () => accepted(await bob.request('GET', pathOf(alice))).presence

    await sync(alice, { set_presence: 'online' })
    await sync(phone, { set_presence: 'offline' })
    const hidden = await now()
    await sync(alice, { set_presence: 'unavailable' })
    const away = await now()
    accepted(await put(phone, { presence: 'online' }))
    const both = await now()
    accepted(await put(phone, { presence: 'offline' }))
    await sync(phone)
    const again = await now()
    await sync(alice, { set_presence: 'offline' })

    assert.deepEqual(
      [hidden, away, both, again, await now()],
      ['online', 'unavailable', 'online', 'unavailable', 'offline'],
    )
  })

  it('is offline until it is told, by its owner alone and in one of three words', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]

    assert.deepEqual(accepted(await alice.request('GET', pathOf(alice))), { presence: 'offline' })
    refused(await bob.request('PUT', pathOf(alice), { presence: 'online' }), 403, 'M_FORBIDDEN')
    refused(await put(alice, { presence: 'asleep' }), 400, 'M_BAD_JSON')
    refused(await put(alice, {}), 400, 'M_MISSING_PARAM')
  })

  it('N12 is after a restart what it was, and who does not come back times out for those who saw them', async () => {
    await using server = await startRestartableServer()
    const [alice, bob, carol] = [
      await registerUser(server.url, 'alice'),
      await registerUser(server.url, 'bob'),
      await registerUser(server.url, 'carol'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const user of [bob, carol]) accepted(await join(user, roomId))
    accepted(await put(alice, { presence: 'online', status_msg: 'Reading' }))
    accepted(await put(carol, { presence: 'offline', status_msg: 'Hidden' }))
    await server.clock.advance(60_000)
    await sync(alice)
    let { next_batch: since } = await sync(bob)
    accepted(await put(alice, { presence: 'unavailable', status_msg: 'Busy' }))
    await server.clock.advance(20_000)

    await server.restart()
    const missed = await sync(bob, { since })
    assert.deepEqual(told(missed, alice), [
      { presence: 'unavailable', status_msg: 'Busy', last_active_ago: 20_000, currently_active: false },
    ])
    await sync(carol)
    assert.deepEqual(accepted(await bob.request('GET', pathOf(carol))), {
      presence: 'offline',
      status_msg: 'Hidden',
      currently_active: false,
    })
    since = missed.next_batch
    const seen: unknown[] = []
    for (let minute = 0; minute < 7; minute++) {
      await server.clock.advance(60_000)
      const answer = await sync(bob, { since })
      since = answer.next_batch
      seen.push(...told(answer, alice).map(({ presence, status_msg }) => [presence, status_msg]))
    }
    assert.deepEqual(seen, [['offline', 'Busy']])
    await server.restart()
    assert.deepEqual(told(await sync(bob, { since }), alice), [])
    assert.equal(accepted(await bob.request('GET', pathOf(alice))).status_msg, 'Busy')
  })

  it('N12 is saved where it changes for others, many changes of a moment together, and not with every request', async () => {
    const database = await createTestDatabase()
    const { store, names } = countingStore(await openStore({ url: database.url, poolSize: 4, now: () => 0 }))
    try {
      await using server = await startTestServer({ store })
      const alice = await server.register('alice')
      await sync(alice)
      const saves = () => names.filter((name) => name === 'presences.save').length
      assert.equal(saves(), 1)
      for (let n = 0; n < 20; n++) {
        await server.clock.advance(30_000)
        await sync(alice)
      }
      assert.equal(saves(), 1)
      for (let n = 0; n < 50; n++) {
        await server.clock.advance(10)
        accepted(await put(alice, { presence: 'online', status_msg: `status ${n}` }))
      }
      while (server.context.presence.unsaved.size > 0) await server.clock.advance(250)
      await server.settle()
      assert.ok(saves() <= 15, `${saves()} saves`)
      assert.equal((await store.presences.find(alice.userId))?.status, 'status 49')
    } finally {
      await database.remove()
    }
  })

  it('N12 ends with the account, and nothing of it is kept', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await join(bob, await createRoom(alice, { preset: 'public_chat' })))
    accepted(await put(alice, { presence: 'online', status_msg: 'Private' }))
    const { store, presence } = server.context
    assert.equal((await store.presences.find(alice.userId))?.status, 'Private')

    await deactivate(server.context, { userId: alice.userId, erase: true })
    await server.settle()
    assert.equal(await store.presences.find(alice.userId), undefined)
    assert.deepEqual(presence.find(alice.userId), { presence: 'offline', currently_active: false })
  })

  it('N12 is read again where more users were seen than memory holds, and those who are present stay', () => {
    const clock = { now: () => 1000, every: () => () => {}, after: () => () => {} }
    const presence = new Presences(clock, { capacity: 3 })
    const see = (userId: UserId, state: 'online' | 'offline') => presence.see({ userId, deviceId: 'A', state })
    see('@here:test', 'online')
    for (let n = 0; n < 10; n++) {
      presence.restore([{ userId: `@gone${n}:test`, state: 'offline', status: 'Bye', activeAt: 1, serial: n, devices: [] }]) // prettier-ignore
    }
    assert.equal(presence.find('@here:test')?.presence, 'online')
    assert.equal(presence.has('@gone0:test'), false)
    assert.equal(presence.find('@gone9:test')?.status_msg, 'Bye')
  })
})
