import assert from 'node:assert/strict'
import { act, createRoom, join, putState, roomPath } from '../../../support/rooms/rooms.ts'
import { testClient, testPassword } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const plenty = { per_second: 1000, burst: 10_000 }
const few = { per_second: 0.001, burst: 3 }
const limited = (buckets: object) =>
  startTestServer({
    settings: {
      rate_limits: {
        login: plenty,
        register: plenty,
        message: plenty,
        room_create: plenty,
        default: plenty,
        ...buckets,
      },
    },
  })

describe('rate limits of acts', () => {
  it('N28 count invites by whatever request they are made', async () => {
    await using server = await limited({ invite: few })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice)
    const invite = { membership: 'invite' }
    const statuses = [
      (await act(alice, 'invite', roomId, bob.userId)).status,
      (await putState(alice, roomId, ['m.room.member', bob.userId], { ...invite, reason: 'again' })).status,
      (await alice.request('POST', '/_matrix/client/v3/createRoom', { invite: [bob.userId] })).status,
      (await act(alice, 'invite', roomId, bob.userId)).status,
      (await putState(alice, roomId, ['m.room.member', bob.userId], { ...invite, reason: 'more' })).status,
      (await alice.request('POST', '/_matrix/client/v3/createRoom', { invite: [bob.userId] })).status,
      (await alice.request('POST', '/_matrix/client/v3/createRoom', {})).status,
      (await putState(alice, roomId, ['m.room.topic'], { topic: 'x' })).status,
    ]

    assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 200, 200])
  })

  it('N28 bound the invites of a new room, which leave a debt', async () => {
    await using server = await startTestServer({
      settings: {
        rate_limits: { register: plenty, invite: { per_second: 1, burst: 1 } },
        limits: { invites_per_new_room: 3 },
      },
    })
    const alice = await server.register('alice')
    const users: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) users.push((await server.register(name)).userId)
    const create = (count: number) =>
      alice.request('POST', '/_matrix/client/v3/createRoom', { invite: users.slice(0, count) })

    const over = await create(4)
    const first = await create(3)
    const indebted = await create(1)
    await server.clock.advance(3000)
    const later = await create(1)

    assert.deepEqual([over.status, over.body.errcode], [400, 'M_INVALID_PARAM'])
    assert.deepEqual([first.status, indebted.status, later.status], [200, 429, 200])
    assert.equal(indebted.body.retry_after_ms, 3000)
  })

  it('N28 count joins and knocks by whatever request, but no new name in a room', async () => {
    await using server = await limited({ join: few })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const rooms = []
    for (let i = 0; i < 4; i++) rooms.push(await createRoom(alice, { preset: 'public_chat' }))
    const [one, two, three, four] = rooms as [string, string, string, string]
    const entering = { membership: 'join' }
    const statuses = [
      (await join(bob, one)).status,
      (await putState(bob, two, ['m.room.member', bob.userId], entering)).status,
      (await putState(bob, two, ['m.room.member', bob.userId], { ...entering, displayname: 'Bob' })).status,
      (await bob.request('POST', roomPath(three, 'join'), {})).status,
      (await putState(bob, four, ['m.room.member', bob.userId], entering)).status,
      (await bob.request('POST', `/_matrix/client/v3/knock/${encodeURIComponent(four)}`, {})).status,
      (await join(bob, four)).status,
    ]

    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429, 429])
  })

  it('N28 count bad tokens by address, and logins with a token by address too', async () => {
    await using server = await limited({ bad_token: few, login: { per_second: 0.001, burst: 2 } })
    const alice = await server.register('alice')
    const whoami = async (token: string) =>
      (await testClient(server.url, token).request('GET', '/_matrix/client/v3/account/whoami')).status
    const login = async (client: { request: typeof alice.request }) => {
      const body = {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'nobody' },
        password: testPassword,
      }
      return (await client.request('POST', '/_matrix/client/v3/login', body)).status
    }

    const bad = []
    for (let i = 0; i < 4; i++) bad.push(await whoami(`mya_${i}`))
    const logins = [await login(server.anonymous), await login(alice), await login(alice)]

    assert.deepEqual(bad, [401, 401, 401, 429])
    assert.equal(await whoami(alice.accessToken), 200)
    assert.deepEqual(logins, [403, 403, 429])
  })
})

describe('accounts that have ended or never were', () => {
  it('N29 leave no member behind, however the end and the joins fall together', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const rooms = []
    for (let i = 0; i < 30; i++) rooms.push(await createRoom(alice, { preset: 'public_chat' }))
    const auth = { type: 'm.login.password', password: testPassword }

    for (const name of ['bob', 'carol', 'dave']) {
      const user = await server.register(name)
      const joins = rooms.map((roomId, index) =>
        index % 3 === 0
          ? putState(user, roomId, ['m.room.member', user.userId], { membership: 'join' })
          : join(user, roomId),
      )
      const invites = rooms.slice(0, 5).map((roomId) => act(alice, 'invite', roomId, user.userId))
      await Promise.all([...joins, ...invites, user.request('POST', '/_matrix/client/v3/account/deactivate', { auth })])
      await server.settle()
      const left = await server.context.store.rooms.members.listRooms(user.userId, ['join', 'invite', 'knock'])
      assert.deepEqual(left, [])
    }
  })

  it('N29 cannot be invited by any request', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice)
    const auth = { type: 'm.login.password', password: testPassword }
    await bob.request('POST', '/_matrix/client/v3/account/deactivate', { auth })

    for (const userId of [bob.userId, '@nobody:test'])
      for (const { status, body } of [
        await act(alice, 'invite', roomId, userId),
        await putState(alice, roomId, ['m.room.member', userId], { membership: 'invite' }),
        await alice.request('POST', '/_matrix/client/v3/createRoom', { invite: [userId] }),
      ])
        assert.deepEqual([status, body.errcode], [404, 'M_NOT_FOUND'])
  })
})
