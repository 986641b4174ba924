import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { TestUser } from '../../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf, newKey, oneTimeKeysOf, signedBy } from '../../../support/server/device-crypto.ts'
import { startTestServer } from '../../../support/server/server.ts'

const upload = (user: TestUser, body: unknown) => user.request('POST', '/_matrix/client/v3/keys/upload', body)
const query = (user: TestUser, device_keys: unknown) =>
  user.request('POST', '/_matrix/client/v3/keys/query', { device_keys })
const claim = (user: TestUser, target: TestUser, algorithm = 'signed_curve25519') =>
  user.request('POST', '/_matrix/client/v3/keys/claim', {
    one_time_keys: { [target.userId]: { [target.deviceId]: algorithm } },
  })
const claimed = (reply: Awaited<ReturnType<typeof claim>>, target: TestUser): Record<string, unknown> =>
  reply.body.one_time_keys[target.userId]?.[target.deviceId] ?? {}
const positionOf = async (server: Awaited<ReturnType<typeof startTestServer>>) =>
  (await server.context.store.streams.positions()).device_lists

describe('device keys', () => {
  it('come back to everybody as uploaded, with the name of the device', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const keys = deviceKeysOf(alice, newKey(), { 'org.example.future': { kept: true } })
    await alice.request('PUT', `/_matrix/client/v3/devices/${alice.deviceId}`, { display_name: 'Phone' })

    const uploaded = await upload(alice, { device_keys: { ...keys, unsigned: { forged: true } } })
    const found = await query(bob, { [alice.userId]: [], '@nobody:test': [], [bob.userId]: ['X'] })

    assert.deepEqual(uploaded, { ...uploaded, status: 200, body: { one_time_key_counts: { signed_curve25519: 0 } } })
    assert.deepEqual(found.body, {
      device_keys: {
        [alice.userId]: { [alice.deviceId]: { ...keys, unsigned: { device_display_name: 'Phone' } } },
        '@nobody:test': {},
        [bob.userId]: {},
      },
      master_keys: {},
      self_signing_keys: {},
      user_signing_keys: {},
      failures: {},
    })
  })

  it('are answered for the devices asked for only', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const tablet = await server.login('alice')
    await upload(alice, { device_keys: deviceKeysOf(alice) })
    await upload(tablet, { device_keys: deviceKeysOf(tablet) })

    const all = await query(alice, { [alice.userId]: [] })
    const one = await query(alice, { [alice.userId]: [tablet.deviceId, 'OTHER'] })

    assert.equal(Object.keys(all.body.device_keys[alice.userId]).length, 2)
    assert.deepEqual(Object.keys(one.body.device_keys[alice.userId]), [tablet.deviceId])
  })

  it('keep their signatures and leave the device list alone when they come again', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const cross = crossSigningOf(alice.userId)
    const keys = deviceKeysOf(alice)
    const signer = { userId: alice.userId, name: cross.selfSigning.publicKey, key: cross.selfSigning }
    await upload(alice, { device_keys: keys })
    await alice.request('POST', '/_matrix/client/v3/keys/device_signing/upload', cross.body)
    await alice.request('POST', '/_matrix/client/v3/keys/signatures/upload', {
      [alice.userId]: { [alice.deviceId]: signedBy(keys, signer) },
    })
    const before = { position: await positionOf(server), keys: (await query(alice, { [alice.userId]: [] })).body }

    await upload(alice, { device_keys: keys })
    await upload(alice, { device_keys: { ...keys, signatures: {} } })

    assert.deepEqual((await query(alice, { [alice.userId]: [] })).body, before.keys)
    assert.equal(await positionOf(server), before.position)
    const signatures = before.keys.device_keys[alice.userId][alice.deviceId].signatures[alice.userId]
    assert.equal(Object.keys(signatures).length, 2)
  })

  it('cannot be replaced by another identity', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const first = deviceKeysOf(alice)
    await upload(alice, { device_keys: first })

    const other = await upload(alice, { device_keys: deviceKeysOf(alice) })
    const unsigned = await upload(alice, { device_keys: { ...first, algorithms: [], signatures: {} } })

    assert.deepEqual([other.status, other.body.errcode], [400, 'M_INVALID_PARAM'])
    assert.deepEqual([unsigned.status, unsigned.body.errcode], [400, 'M_INVALID_SIGNATURE'])
    const found = await query(alice, { [alice.userId]: [] })
    assert.deepEqual(found.body.device_keys[alice.userId][alice.deviceId].keys, first.keys)
  })

  it('that nobody signed may be replaced, for no client uses them', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await upload(alice, { device_keys: { ...deviceKeysOf(alice), signatures: {} } })

    const next = deviceKeysOf(alice)
    const replaced = await upload(alice, { device_keys: next })

    assert.equal(replaced.status, 200)
    const found = await query(alice, { [alice.userId]: [] })
    assert.deepEqual(found.body.device_keys[alice.userId][alice.deviceId].keys, next.keys)
  })

  it('end with their device, and so do its one-time keys', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await upload(alice, { device_keys: deviceKeysOf(alice), one_time_keys: oneTimeKeysOf(alice, [1]) })
    const before = await positionOf(server)

    await alice.request('POST', '/_matrix/client/v3/logout')

    assert.deepEqual((await query(bob, { [alice.userId]: [] })).body.device_keys, { [alice.userId]: {} })
    assert.deepEqual((await claim(bob, alice)).body.one_time_keys, {})
    assert.equal(await positionOf(server), before + 1)
  })

  it('of users elsewhere count as failures of their server', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const found = await query(alice, { '@bob:elsewhere.example': [], [alice.userId]: [] })

    assert.equal(found.status, 200)
    assert.deepEqual(Object.keys(found.body.failures), ['elsewhere.example'])
    assert.deepEqual(found.body.device_keys, { [alice.userId]: {} })
  })

  it('must be asked for with lists of device ids', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const reply = await query(alice, { [alice.userId]: { DEVICE: true } })

    assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_BAD_JSON'])
  })
})

describe('T41 malformed keys', () => {
  it('T84 bear a bounded amount of signatures, however often they come', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const keys = deviceKeysOf(alice)
    const withMore = (from: number, count: number) => {
      const more = Array.from({ length: count }, (_, n) => [`ed25519:${'x'.repeat(80)}${from + n}`, 'y'.repeat(86)])
      const own = { ...keys.signatures[alice.userId], ...Object.fromEntries(more) }
      return { device_keys: { ...keys, signatures: { [alice.userId]: own } } }
    }

    const atOnce = await upload(alice, withMore(0, 1000))
    const replies = []
    for (let from = 0; from < 200; from += 50) replies.push(await upload(alice, withMore(from, 50)))
    const { body } = await query(alice, { [alice.userId]: [] })

    assert.deepEqual([atOnce.status, atOnce.body.errcode], [413, 'M_TOO_LARGE'])
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 413, 413, 413],
    )
    assert.equal(Object.keys(body.device_keys[alice.userId][alice.deviceId].signatures[alice.userId]).length, 51)
  })

  it('T41 of another user, another device, or with a forged signature are refused', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const keys = deviceKeysOf(alice)
    const forged = signedBy(keys, { userId: alice.userId, name: alice.deviceId, key: newKey() })

    const statuses = [
      (await upload(bob, { device_keys: keys })).status,
      (await upload(alice, { device_keys: deviceKeysOf({ ...alice, deviceId: 'OTHER' }) })).status,
      (await upload(alice, { device_keys: forged })).status,
      (await upload(alice, { device_keys: { ...keys, keys: { ...keys.keys, [`ed25519:${alice.deviceId}`]: 'x' } } }))
        .status,
      (await upload(alice, { device_keys: { ...keys, weight: 1.5 } })).status,
    ]

    assert.deepEqual(statuses, [400, 400, 400, 400, 400])
    const incomplete = await upload(alice, { device_keys: { user_id: alice.userId, device_id: alice.deviceId } })
    assert.equal(incomplete.body.errcode, 'M_BAD_JSON')
    assert.deepEqual((await query(bob, { [alice.userId]: [] })).body.device_keys, { [alice.userId]: {} })
  })

  it('T41 of any other shape are 400, never 500, and nothing is stored', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const good = { device_keys: deviceKeysOf(alice), one_time_keys: oneTimeKeysOf(alice, [1]), fallback_keys: {} }
    const bad = fc.constantFrom<unknown>(
      null,
      true,
      7,
      'text',
      [],
      [null],
      '\0',
      { '\0': null },
      { '': '' },
      { key: null },
    )
    const path = fc.constantFrom(
      ['device_keys'],
      ['device_keys', 'user_id'],
      ['device_keys', 'device_id'],
      ['device_keys', 'algorithms'],
      ['device_keys', 'keys'],
      ['device_keys', 'keys', `ed25519:${alice.deviceId}`],
      ['device_keys', 'signatures'],
      ['device_keys', 'signatures', alice.userId],
      ['one_time_keys'],
      ['one_time_keys', 'signed_curve25519:k1'],
      ['one_time_keys', 'signed_curve25519:k1', 'key'],
      ['one_time_keys', 'signed_curve25519:k1', 'signatures'],
      ['one_time_keys', 'nocolon'],
      ['one_time_keys', 'signed_curve25519:\0'],
      ['fallback_keys'],
      ['fallback_keys', 'signed_curve25519:'],
    )
    await fc.assert(
      fc.asyncProperty(path, bad, async (names, value) => {
        const body = structuredClone(good) as Record<string, unknown>
        let place = body
        for (const name of names.slice(0, -1)) place = place[name] as Record<string, unknown>
        place[names.at(-1) ?? ''] = value
        const { status } = await upload(alice, body)
        // Some values happen to be right in some places; what is wrong must be the client's fault.
        assert.ok(
          status === 400 || isHarmless(names, value),
          `${names.join('.')}: ${JSON.stringify(value)} gave ${status}`,
        )
      }),
      { numRuns: 120, examples: [[['device_keys', 'signatures', alice.userId], { '': '' }]] },
    )
    for (const body of [[], null, 'text']) assert.equal((await upload(alice, JSON.stringify(body))).status, 400)
    // N33: null for what may be left out is as good as nothing.
    for (const body of [{ device_keys: null }, { one_time_keys: null }, { fallback_keys: null }])
      assert.equal((await upload(alice, JSON.stringify(body))).status, 200)
  })
})

/** Texts are keys, empty maps are maps, other members of a map are passed on, and null is an absent object (N33). */
const isHarmless = (names: readonly string[], value: unknown): boolean => {
  if (names.length === 1) return value === null
  const text = typeof value === 'string'
  if (names.length === 1 && value === null) return true
  const name = names.at(-1) ?? ''
  if (name === 'key') return text
  if (name === 'algorithms') return Array.isArray(value) && value.length === 0
  return false
}

describe('one-time keys', () => {
  it('are counted, may come again unchanged, and never change under their name', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const keys = oneTimeKeysOf(alice, [1, 2, 3])

    const first = await upload(alice, { one_time_keys: keys })
    const again = await upload(alice, { one_time_keys: { ...keys, ...oneTimeKeysOf(alice, [4]) } })
    const changed = await upload(alice, { one_time_keys: oneTimeKeysOf(alice, [1, 5]) })
    const empty = await upload(alice, {})

    assert.deepEqual(first.body, { one_time_key_counts: { signed_curve25519: 3 } })
    assert.deepEqual(again.body, { one_time_key_counts: { signed_curve25519: 4 } })
    assert.deepEqual([changed.status, changed.body.errcode], [400, 'M_UNKNOWN'])
    assert.deepEqual(empty.body, { one_time_key_counts: { signed_curve25519: 4 } })
  })

  it('are handed out once each, in the order of their upload', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const [later, sooner] = [oneTimeKeysOf(alice, [1]), oneTimeKeysOf(alice, [9])]
    await upload(alice, { one_time_keys: sooner })
    await upload(alice, { one_time_keys: later })

    const first = await claim(bob, alice)
    const second = await claim(bob, alice)
    const third = await claim(bob, alice)

    assert.deepEqual(claimed(first, alice), sooner)
    assert.deepEqual(claimed(second, alice), later)
    assert.deepEqual(third.body, { one_time_keys: {}, failures: {} })
  })

  it('are claimed for many devices at once, by algorithm', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const tablet = await server.login('alice')
    await upload(alice, { one_time_keys: { ...oneTimeKeysOf(alice, [1]), 'curve25519:a': 'plain' } })
    await upload(tablet, { one_time_keys: oneTimeKeysOf(tablet, [1]) })

    const reply = await alice.request('POST', '/_matrix/client/v3/keys/claim', {
      one_time_keys: {
        [alice.userId]: { [alice.deviceId]: 'curve25519', [tablet.deviceId]: 'signed_curve25519', NONE: 'curve25519' },
        '@nobody:test': { NONE: 'signed_curve25519' },
        '@bob:elsewhere.example': { NONE: 'signed_curve25519' },
      },
    })

    const keys = reply.body.one_time_keys
    assert.deepEqual(Object.keys(keys), [alice.userId])
    assert.deepEqual(keys[alice.userId][alice.deviceId], { 'curve25519:a': 'plain' })
    assert.deepEqual(Object.keys(keys[alice.userId]).sort(), [alice.deviceId, tablet.deviceId].sort())
    assert.deepEqual(Object.keys(reply.body.failures), ['elsewhere.example'])
    assert.deepEqual((await upload(alice, {})).body.one_time_key_counts, { curve25519: 0, signed_curve25519: 1 })
  })

  it('T84 are limited in number', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const keys = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`curve25519:k${index}`, 'key']))

    const reply = await upload(alice, { one_time_keys: keys })

    assert.equal(reply.status, 400)
    assert.deepEqual((await upload(alice, {})).body.one_time_key_counts, { signed_curve25519: 0 })
  })

  it('T44 go to one of 1,000 concurrent claims each, and the fallback key to the rest', async function () {
    this.timeout(60_000)
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const keys = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`curve25519:k${index}`, `key ${index}`]))
    await upload(alice, { one_time_keys: keys, fallback_keys: { 'curve25519:fallback': 'spare' } })

    const replies = await Promise.all(Array.from({ length: 1000 }, () => claim(bob, alice, 'curve25519')))

    const names = replies.map((reply) => Object.keys(claimed(reply, alice))[0] ?? 'none')
    assert.equal(new Set(names).size, 901)
    assert.equal(names.filter((name) => name === 'curve25519:fallback').length, 100)
  })

  it('T43 that a restored backup brings back are dropped, so that clients upload new ones', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await upload(alice, { one_time_keys: oneTimeKeysOf(alice, [1, 2]) })

    await server.context.store.e2ee.oneTimeKeys.discardAll()

    assert.deepEqual((await claim(bob, alice)).body.one_time_keys, {})
    assert.deepEqual((await upload(alice, {})).body.one_time_key_counts, { signed_curve25519: 0 })
  })
})

describe('fallback keys', () => {
  const unused = (server: Awaited<ReturnType<typeof startTestServer>>, { userId, deviceId }: TestUser) =>
    server.context.store.e2ee.oneTimeKeys.stock(userId, deviceId).then((stock) => stock.unusedFallbackTypes)

  it('serve when one-time keys are used up, are marked used, and stay until replaced', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const fallback = oneTimeKeysOf(alice, [100])
    await upload(alice, { one_time_keys: oneTimeKeysOf(alice, [1]), fallback_keys: fallback })

    await claim(bob, alice)
    const before = await unused(server, alice)
    const [first, second] = [await claim(bob, alice), await claim(bob, alice)]
    const after = await unused(server, alice)
    await upload(alice, { fallback_keys: fallback })
    const afterSame = await unused(server, alice)
    await upload(alice, { fallback_keys: oneTimeKeysOf(alice, [101]) })

    assert.deepEqual(claimed(first, alice), fallback)
    assert.deepEqual(claimed(second, alice), fallback)
    assert.deepEqual([before, after, afterSame], [['signed_curve25519'], [], []])
    assert.deepEqual(await unused(server, alice), ['signed_curve25519'])
  })

  it('T84 are limited in number', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const keys = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`algorithm${from + n}:id`, 'key']))

    const few = await upload(alice, { fallback_keys: keys(0, 10) })
    const same = await upload(alice, { fallback_keys: keys(0, 10) })
    const more = await upload(alice, { fallback_keys: keys(10, 100) })
    const { body } = await alice.request('GET', '/_matrix/client/v3/sync')

    assert.deepEqual([few.status, same.status], [200, 200])
    assert.deepEqual([more.status, more.body.errcode], [400, 'M_INVALID_PARAM'])
    assert.equal(body.device_unused_fallback_key_types.length, 10)
  })

  it('are at most one for each algorithm', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const reply = await upload(alice, { fallback_keys: oneTimeKeysOf(alice, [1, 2]) })

    assert.equal(reply.status, 400)
  })
})

describe('requests for keys', () => {
  it('N19 name a bounded number of users and devices', async () => {
    const limits = { key_users_per_request: 2, key_devices_per_request: 3 }
    await using server = await startTestServer({ settings: { limits } })
    const alice = await server.register('alice')
    const users = (count: number, devices: unknown) =>
      Object.fromEntries(Array.from({ length: count }, (_, user) => [`@u${user}:test`, devices]))
    const claims = (one_time_keys: object) => alice.request('POST', '/_matrix/client/v3/keys/claim', { one_time_keys })
    const devices = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, device) => [`D${device}`, 'signed_curve25519']))

    const replies = [
      await query(alice, users(2, [])),
      await query(alice, users(3, [])),
      await query(alice, users(1, ['A', 'B', 'C'])),
      await query(alice, users(2, ['A', 'B'])),
      await claims(users(2, devices(1))),
      await claims(users(3, devices(1))),
      await claims(users(1, devices(3))),
      await claims(users(1, devices(4))),
    ]

    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 413, 200, 413, 200, 413, 200, 413],
    )
    assert.equal(replies[1]?.body.errcode, 'M_TOO_LARGE')
  })
})
