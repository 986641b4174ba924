import assert from 'node:assert/strict'
import { testPassword, testClient, type TestUser } from '../../../support/server/client.ts'
import { deviceKeysOf, newKey, oneTimeKeysOf } from '../../../support/server/device-crypto.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const upload = (user: TestUser, body: unknown) => user.request('POST', '/_matrix/client/v3/keys/upload', body)
const query = async (user: TestUser, target: TestUser) => {
  const { body } = await user.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [target.userId]: [] } })
  return body.device_keys[target.userId][target.deviceId]
}
const claim = async (user: TestUser, target: TestUser): Promise<string[]> => {
  const { body } = await user.request('POST', '/_matrix/client/v3/keys/claim', {
    one_time_keys: { [target.userId]: { [target.deviceId]: 'signed_curve25519' } },
  })
  return Object.keys(body.one_time_keys[target.userId]?.[target.deviceId] ?? {})
}
const again = async (server: TestServer, { userId, deviceId }: TestUser): Promise<TestUser> => {
  const { body } = await server.anonymous.request('POST', '/_matrix/client/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: userId },
    password: testPassword,
    device_id: deviceId,
  })
  const accessToken = body.access_token
  return { ...testClient(server.url, accessToken), userId, deviceId, accessToken }
}

describe('one-time keys that were claimed', () => {
  it('N13 T43 are never handed out again when they are uploaded again', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const key = newKey()
    const keys = oneTimeKeysOf(alice, [1, 2], key)

    await upload(alice, { one_time_keys: keys })
    const first = await claim(bob, alice)
    const repeated = await upload(alice, { one_time_keys: keys })
    const rest = [await claim(bob, alice), await claim(bob, alice)]
    const empty = await upload(alice, { one_time_keys: keys })

    assert.deepEqual([repeated.status, repeated.body.one_time_key_counts], [200, { signed_curve25519: 1 }])
    assert.deepEqual([...first, ...rest.flat()].sort(), Object.keys(keys).sort())
    assert.deepEqual(empty.body.one_time_key_counts, { signed_curve25519: 0 })
    assert.deepEqual(await claim(bob, alice), [])
  })

  it('N13 are known by what they are, not by their name', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const [key] = Object.values(oneTimeKeysOf(alice, [1]))
    const [other] = Object.values(oneTimeKeysOf(alice, [1]))

    const twice = await upload(alice, { one_time_keys: { 'signed_curve25519:a': key, 'signed_curve25519:b': key } })
    const first = await claim(bob, alice)
    const renamed = await upload(alice, { one_time_keys: { 'signed_curve25519:c': key } })
    const fresh = await upload(alice, { one_time_keys: { 'signed_curve25519:a': other } })

    assert.deepEqual(twice.body.one_time_key_counts, { signed_curve25519: 1 })
    assert.deepEqual(first, ['signed_curve25519:a'])
    assert.deepEqual(renamed.body.one_time_key_counts, { signed_curve25519: 0 })
    assert.deepEqual(fresh.body.one_time_key_counts, { signed_curve25519: 1 })
  })

  it('N13 T44 stay claimed when uploads and claims come at once', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const keys = oneTimeKeysOf(
      alice,
      Array.from({ length: 20 }, (_, number) => number),
    )
    await upload(alice, { one_time_keys: keys })

    const claims = Array.from({ length: 60 }, async (_, index) => {
      if (index % 4 === 0) await upload(alice, { one_time_keys: keys })
      return claim(bob, alice)
    })
    const given = (await Promise.all(claims)).flat()

    assert.equal(given.length, 20)
    assert.equal(new Set(given).size, 20)
  })

  it('N13 are remembered up to a limit for each device, the newest', async () => {
    await using server = await startTestServer({ settings: { limits: { claimed_keys_per_device: 2 } } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const keys = Object.entries(oneTimeKeysOf(alice, [1, 2, 3]))
    for (const entry of keys) {
      await upload(alice, { one_time_keys: Object.fromEntries([entry]) })
      await claim(bob, alice)
    }

    const counts = []
    for (const entry of keys) counts.push((await upload(alice, { one_time_keys: Object.fromEntries([entry]) })).body)

    assert.deepEqual(
      counts.map(({ one_time_key_counts: count }) => count.signed_curve25519),
      [1, 1, 1],
    )
  })
})

describe('a device that logs in again', () => {
  it('N14 may bring other keys, of which others hear', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await upload(alice, {
      device_keys: deviceKeysOf(alice),
      one_time_keys: oneTimeKeysOf(alice, [1]),
      fallback_keys: oneTimeKeysOf(alice, [9]),
    })
    const before = (await server.context.store.streams.positions()).device_lists

    const reborn = await again(server, alice)
    const kept = await query(bob, reborn)
    const keys = deviceKeysOf(reborn)
    const replaced = await upload(reborn, { device_keys: keys, one_time_keys: oneTimeKeysOf(reborn, [2]) })

    assert.ok(kept)
    assert.deepEqual([replaced.status, replaced.body.one_time_key_counts], [200, { signed_curve25519: 1 }])
    assert.deepEqual((await query(bob, reborn)).keys, keys.keys)
    assert.deepEqual(await claim(bob, reborn), ['signed_curve25519:k2'])
    assert.deepEqual(await claim(bob, reborn), [])
    assert.deepEqual(await server.context.store.e2ee.deviceLists.changedUsers('@bob:test', before), [alice.userId])
  })

  it('N14 keeps its keys while it shows no others, and then for the life of its login', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const keys = deviceKeysOf(alice)
    await upload(alice, { device_keys: keys, one_time_keys: oneTimeKeysOf(alice, [1]) })

    const living = await upload(alice, { device_keys: deviceKeysOf(alice) })
    const reborn = await again(server, alice)
    const same = await upload(reborn, { device_keys: keys })
    const other = await upload(reborn, { device_keys: deviceKeysOf(reborn) })

    assert.deepEqual([living.status, living.body.errcode], [400, 'M_INVALID_PARAM'])
    assert.deepEqual([same.status, same.body.one_time_key_counts], [200, { signed_curve25519: 1 }])
    assert.deepEqual([other.status, other.body.errcode], [400, 'M_INVALID_PARAM'])
  })
})
