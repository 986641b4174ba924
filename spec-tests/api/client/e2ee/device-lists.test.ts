import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import type { UserId } from '#protocol/ids.ts'
import type { TestUser } from '../../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf, signedBy } from '../../../support/server/device-crypto.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const sync = async (user: TestUser, since?: string) => {
  const query = since === undefined ? '' : `&since=${since}`
  return (await user.request('GET', `/_matrix/client/v3/sync?timeout=0${query}`)).body
}

/** A token of this moment. */
const now = async (user: TestUser): Promise<string> => (await sync(user)).next_batch

/** What /sync says since a token; /keys/changes must say the same. */
const changes = async (user: TestUser, from: string): Promise<{ changed: string[]; left: string[] }> => {
  const { device_lists, next_batch: to } = await sync(user, from)
  const { body } = await user.request('GET', `/_matrix/client/v3/keys/changes?from=${from}&to=${to}`)
  assert.deepEqual(body, device_lists)
  return body
}

const upload = async (user: TestUser) => {
  const reply = await user.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(user) })
  assert.equal(reply.status, 200)
}
const createRoom = async (user: TestUser): Promise<string> =>
  (await user.request('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' })).body.room_id
const join = async (user: TestUser, room: string) => {
  assert.equal((await user.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, {})).status, 200)
}
const leave = async (user: TestUser, room: string) => {
  assert.equal(
    (await user.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/leave`, {})).status,
    200,
  )
}

/** Alice and Bob in one room, Carol in none. */
async function threeUsers(server: TestServer) {
  const [alice, bob, carol] = [
    await server.register('alice'),
    await server.register('bob'),
    await server.register('carol'),
  ]
  const room = await createRoom(alice)
  await join(bob, room)
  return { alice, bob, carol, room }
}

const nothing = { changed: [], left: [] }

describe('device lists', () => {
  it('change for the user and for those who share a room, when keys do', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol } = await threeUsers(server)
    const before = await now(alice)

    await upload(bob)
    const between = await now(alice)

    for (const user of [alice, bob]) {
      assert.deepEqual(await changes(user, before), { changed: [bob.userId], left: [] })
      assert.deepEqual(await changes(user, between), nothing)
    }
    assert.deepEqual(await changes(carol, before), nothing)
  })

  it('change for the next request of who shares a room, however long finding those takes', async () => {
    await using server = await startTestServer()
    const { alice, bob } = await threeUsers(server)
    const { sharing } = server.context.store.rooms
    const { usersSharingRooms } = sharing
    Object.assign(sharing, {
      usersSharingRooms: async (userId: UserId) => {
        await setTimeout(50)
        return usersSharingRooms(userId)
      },
    })
    const before = await now(alice)

    await upload(bob)

    assert.deepEqual(await changes(alice, before), { changed: [bob.userId], left: [] })
  })

  it('change when a device with keys is renamed or ends', async () => {
    await using server = await startTestServer()
    const { alice, bob } = await threeUsers(server)
    await upload(bob)
    const first = await now(alice)

    await bob.request('PUT', `/_matrix/client/v3/devices/${bob.deviceId}`, { display_name: 'New name' })
    const renamed = await changes(alice, first)
    const second = await now(alice)
    await bob.request('POST', '/_matrix/client/v3/logout')
    const ended = await changes(alice, second)

    assert.deepEqual([renamed.changed, ended.changed], [[bob.userId], [bob.userId]])
  })

  it('change for all with cross-signing keys, and for the signer alone when she signs somebody', async () => {
    await using server = await startTestServer()
    const { alice, bob } = await threeUsers(server)
    const [alices, bobs] = [crossSigningOf(alice.userId), crossSigningOf(bob.userId)]
    const publish = (user: TestUser, body: object) =>
      user.request('POST', '/_matrix/client/v3/keys/device_signing/upload', body)
    await publish(alice, alices.body)
    const first = await now(alice)

    await publish(bob, bobs.body)
    const published = await changes(alice, first)
    const second = await now(alice)
    const signer = { userId: alice.userId, name: alices.userSigning.publicKey, key: alices.userSigning }
    await alice.request('POST', '/_matrix/client/v3/keys/signatures/upload', {
      [bob.userId]: { [bobs.master.publicKey]: signedBy(bobs.body.master_key, signer) },
    })

    assert.deepEqual(published.changed, [bob.userId])
    assert.deepEqual(await changes(alice, second), { changed: [bob.userId], left: [] })
    assert.deepEqual(await changes(bob, second), nothing)
  })

  it('name those who begin to share a room, and those who stop', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, room } = await threeUsers(server)
    const start = await now(alice)

    await join(carol, room)
    const joined = [await changes(alice, start), await changes(carol, start)]
    const middle = await now(alice)
    await leave(carol, room)
    const left = [await changes(alice, middle), await changes(carol, middle)]

    assert.deepEqual(joined[0], { changed: [carol.userId], left: [] })
    assert.deepEqual(joined[1]?.changed.sort(), [alice.userId, bob.userId])
    assert.deepEqual(left[0], { changed: [], left: [carol.userId] })
    assert.deepEqual(left[1]?.left.sort(), [alice.userId, bob.userId])
  })

  it('do not name those as gone who had left before one came', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, room } = await threeUsers(server)
    await leave(bob, room)
    const before = await now(carol)

    await join(carol, room)

    assert.deepEqual(await changes(carol, before), { changed: [alice.userId], left: [] })
  })

  it('keep those who still share another room', async () => {
    await using server = await startTestServer()
    const { alice, bob, room } = await threeUsers(server)
    await join(bob, await createRoom(alice))
    const before = await now(alice)

    await leave(bob, room)

    assert.deepEqual((await changes(alice, before)).left, [])
    assert.deepEqual((await changes(bob, before)).left, [])
  })

  it('say nothing of users who left and then changed their keys', async () => {
    await using server = await startTestServer()
    const { alice, bob, room } = await threeUsers(server)
    await leave(bob, room)
    const before = await now(alice)

    await upload(bob)

    assert.deepEqual(await changes(alice, before), nothing)
    await join(bob, room)
    assert.deepEqual(await changes(alice, before), { changed: [bob.userId], left: [] })
  })

  it('wake the long polls of those who share a room', async () => {
    await using server = await startTestServer()
    const { alice, bob } = await threeUsers(server)
    const { waiters } = server.context
    const [alices, bobs] = [alice, bob].map(({ userId }) => waiters.register({ keys: [userId] }))

    await upload(bob)

    await Promise.all([alices?.woken, bobs?.woken])
  })

  it('are not told for tokens of another server', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const reply = await alice.request('GET', '/_matrix/client/v3/keys/changes?from=nonsense&to=nonsense')

    assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_INVALID_PARAM'])
  })
})
