import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { testPassword, type TestUser } from '../../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf, newKey, signedBy, type TestKey } from '../../../support/server/device-crypto.ts'
import { startTestServer } from '../../../support/server/server.ts'
import type { UserId } from '#protocol/ids.ts'

const path = '/_matrix/client/v3/keys/device_signing/upload'
const publish = (user: TestUser, body: unknown) => user.request('POST', path, body)
const sign = (user: TestUser, body: unknown) => user.request('POST', '/_matrix/client/v3/keys/signatures/upload', body)
const query = async (viewer: TestUser, ...userIds: string[]) => {
  const device_keys = Object.fromEntries(userIds.map((userId) => [userId, []]))
  return (await viewer.request('POST', '/_matrix/client/v3/keys/query', { device_keys })).body
}
const proof = (user: TestUser, session: string) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: user.userId },
  password: testPassword,
  session,
})
const by = ({ userId }: { userId: UserId }, key: TestKey, name = key.publicKey) => ({ userId, name, key })

/** A user with a device, its keys, and published cross-signing keys. */
async function crossSigner(server: Awaited<ReturnType<typeof startTestServer>>, name: string) {
  const user = await server.register(name)
  const deviceKey = newKey()
  const keys = deviceKeysOf(user, deviceKey)
  const cross = crossSigningOf(user.userId)
  await user.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: keys })
  assert.equal((await publish(user, cross.body)).status, 200)
  return { ...user, deviceKey, keys, cross }
}

describe('cross-signing keys', () => {
  it('are shown to everybody, but for the user-signing key, which is the owner’s alone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await crossSigner(server, 'alice'), await server.register('bob')]

    const [own, others] = [await query(alice, alice.userId), await query(bob, alice.userId)]

    const { master_key, self_signing_key, user_signing_key } = alice.cross.body
    assert.deepEqual(own.master_keys, { [alice.userId]: master_key })
    assert.deepEqual(own.self_signing_keys, { [alice.userId]: self_signing_key })
    assert.deepEqual(own.user_signing_keys, { [alice.userId]: user_signing_key })
    assert.deepEqual(others.master_keys, own.master_keys)
    assert.deepEqual(others.self_signing_keys, own.self_signing_keys)
    assert.deepEqual(others.user_signing_keys, {})
  })

  it('T46 need approval to be replaced or added to, but neither the first time nor unchanged', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [first, second] = [crossSigningOf(alice.userId), crossSigningOf(alice.userId)]
    const { master_key, ...rest } = first.body

    const statuses = [
      await publish(alice, { master_key }),
      await publish(alice, { master_key }),
      await publish(alice, rest),
      await publish(alice, second.body),
    ].map(({ status }) => status)

    assert.deepEqual(statuses, [200, 200, 401, 401])
    const found = await query(alice, alice.userId)
    assert.deepEqual([found.master_keys, found.self_signing_keys], [{ [alice.userId]: master_key }, {}])
  })

  it('T46 are replaced once the user has proven who she is', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const next = crossSigningOf(alice.userId)

    const asked = await publish(alice, next.body)
    const wrong = await publish(alice, {
      ...next.body,
      auth: { ...proof(alice, asked.body.session), password: 'guess' },
    })
    const right = await publish(alice, { ...next.body, auth: proof(alice, asked.body.session) })
    const again = await publish(alice, { ...next.body, auth: proof(alice, asked.body.session) })

    assert.deepEqual([asked.status, wrong.status, right.status, again.status], [401, 401, 200, 200])
    assert.ok(Array.isArray(asked.body.flows))
    assert.deepEqual((await query(alice, alice.userId)).master_keys, { [alice.userId]: next.body.master_key })
  })

  it('T46 are replaced by what was approved when the proof comes alone', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const next = crossSigningOf(alice.userId)

    const asked = await publish(alice, next.body)
    const approved = await publish(alice, { auth: proof(alice, asked.body.session) })

    assert.equal(approved.status, 200)
    assert.deepEqual((await query(alice, alice.userId)).master_keys, { [alice.userId]: next.body.master_key })
  })

  it('T46 of two first uploads at once, one stays', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const uploads = Array.from({ length: 8 }, () => crossSigningOf(alice.userId))

    const statuses = (await Promise.all(uploads.map(({ body }) => publish(alice, body)))).map(({ status }) => status)

    assert.equal(statuses.filter((status) => status === 200).length, 1)
    assert.ok(statuses.every((status) => [200, 401, 403].includes(status)))
  })

  it('take the keys and signatures of an old master key with them', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    await sign(alice, {
      [alice.userId]: { [alice.deviceId]: signedBy(alice.keys, by(alice, alice.cross.selfSigning)) },
    })
    const next = crossSigningOf(alice.userId)
    const { master_key } = next.body

    const asked = await publish(alice, { master_key })
    await publish(alice, { master_key, auth: proof(alice, asked.body.session) })

    const found = await query(alice, alice.userId)
    assert.deepEqual([found.self_signing_keys, found.user_signing_keys], [{}, {}])
    assert.deepEqual(found.device_keys[alice.userId][alice.deviceId].signatures, alice.keys.signatures)
  })

  it('may be replaced without approval while an administrator permits it', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const permit = (ms: number) =>
      server.context.store.e2ee.crossSigning.permitReplacement(alice.userId, server.clock.now() + ms)

    await permit(1000)
    const permitted = await publish(alice, crossSigningOf(alice.userId).body)
    const twice = await publish(alice, crossSigningOf(alice.userId).body)
    await permit(1000)
    await server.clock.advance(1001)
    const late = await publish(alice, crossSigningOf(alice.userId).body)

    assert.deepEqual([permitted.status, twice.status, late.status], [200, 401, 401])
  })

  it('must be signed by the master key, and the master key truly by those who claim to', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const deviceKey = newKey()
    const keys = deviceKeysOf(alice, deviceKey)
    await alice.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: keys })
    const { body, master } = crossSigningOf(alice.userId)
    const stranger = crossSigningOf(alice.userId).body
    const { master_key, ...rest } = body
    const signedWith = (key: TestKey) => signedBy(master_key, by(alice, key, alice.deviceId))

    const refused = [
      await publish(alice, rest),
      await publish(alice, { ...body, self_signing_key: stranger.self_signing_key }),
      await publish(alice, { ...body, user_signing_key: stranger.user_signing_key }),
      await publish(alice, { ...body, master_key: signedWith(newKey()) }),
      await publish(alice, { ...body, self_signing_key: { ...rest.self_signing_key, usage: ['user_signing'] } }),
      await publish(alice, { master_key: { ...master_key, user_id: '@bob:test' } }),
      await publish(alice, { master_key: { ...master_key, keys: { 'ed25519:other': master.publicKey } } }),
      await publish(alice, { master_key: 'x' }),
    ].map((reply) => [reply.status, reply.body.errcode])
    const accepted = await publish(alice, { ...body, master_key: signedWith(deviceKey) })

    assert.deepEqual(refused, [
      [400, 'M_MISSING_PARAM'],
      [400, 'M_INVALID_SIGNATURE'],
      [400, 'M_INVALID_SIGNATURE'],
      [400, 'M_INVALID_SIGNATURE'],
      [400, 'M_INVALID_PARAM'],
      [400, 'M_INVALID_PARAM'],
      [400, 'M_INVALID_PARAM'],
      [400, 'M_BAD_JSON'],
    ])
    assert.equal(accepted.status, 200)
    const found = await query(alice, alice.userId)
    assert.deepEqual(found.master_keys[alice.userId], signedWith(deviceKey))
  })

  it('never have the name of a device', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const { body, master } = crossSigningOf('@alice:test')
    const login = await server.anonymous.request('POST', '/_matrix/client/v3/login', {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: testPassword,
      device_id: master.publicKey,
    })
    const headers = { authorization: `Bearer ${login.body.access_token}` }

    const reply = await server.anonymous.request('POST', path, body, { headers })

    assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
  })

  it('are reached by the former path too', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const replaced = '/_matrix/client/unstable/keys/device_signing/upload'
    const reply = await alice.request('POST', replaced, crossSigningOf(alice.userId).body)

    assert.equal(reply.status, 200)
  })
})

describe('signatures', () => {
  it('of own devices and of the own master key are shown to everybody', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await crossSigner(server, 'alice'), await server.register('bob')]
    const master = alice.cross.body.master_key
    const device = signedBy(alice.keys, by(alice, alice.cross.selfSigning))
    const signedMaster = signedBy(master, by(alice, alice.deviceKey, alice.deviceId))
    const { master: key } = alice.cross

    const reply = await sign(alice, { [alice.userId]: { [alice.deviceId]: device, [key.publicKey]: signedMaster } })

    assert.deepEqual([reply.status, reply.body], [200, { failures: {} }])
    const found = await query(bob, alice.userId)
    assert.deepEqual(found.device_keys[alice.userId][alice.deviceId].signatures, device.signatures)
    assert.deepEqual(found.master_keys[alice.userId], signedMaster)
  })

  it('of other users are shown to the signer alone', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await crossSigner(server, 'alice'),
      await crossSigner(server, 'bob'),
      await server.register('carol'),
    ]
    const signed = signedBy(bob.cross.body.master_key, by(alice, alice.cross.userSigning))

    const reply = await sign(alice, { [bob.userId]: { [bob.cross.master.publicKey]: signed } })

    assert.deepEqual(reply.body, { failures: {} })
    assert.deepEqual((await query(alice, bob.userId)).master_keys[bob.userId], signed)
    for (const viewer of [bob, carol])
      assert.deepEqual((await query(viewer, bob.userId)).master_keys[bob.userId], bob.cross.body.master_key)
  })

  it('may come again, and a new one of the same key takes the place of the old', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const device = signedBy(alice.keys, by(alice, alice.cross.selfSigning))
    const before = await server.context.store.streams.positions()

    for (let time = 0; time < 2; time++)
      assert.deepEqual((await sign(alice, { [alice.userId]: { [alice.deviceId]: device } })).body, { failures: {} })

    const after = await server.context.store.streams.positions()
    assert.equal(after.device_lists, before.device_lists + 1)
  })

  it('T42 that are forged, on the wrong key, by the wrong key or malformed are listed as failures and not stored', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await crossSigner(server, 'alice'), await crossSigner(server, 'bob')]
    const before = await query(alice, alice.userId, bob.userId)
    const { cross, keys, deviceId, userId } = alice
    const forged = (object: JsonObject, key: TestKey) => signedBy(object, by(alice, newKey(), key.publicKey))
    const bobsMaster = bob.cross.body.master_key
    const attempts: [string, string, JsonObject, string][] = [
      [userId, deviceId, forged(keys, cross.selfSigning), 'M_INVALID_SIGNATURE'],
      [userId, deviceId, signedBy(keys, by(alice, cross.userSigning)), 'M_INVALID_SIGNATURE'],
      [userId, deviceId, signedBy(keys, by(alice, cross.master)), 'M_INVALID_SIGNATURE'],
      [userId, deviceId, signedBy({ ...keys, algorithms: [] }, by(alice, cross.selfSigning)), 'M_INVALID_PARAM'],
      [userId, deviceId, { ...keys, signatures: {} }, 'M_INVALID_SIGNATURE'],
      [userId, deviceId, { ...keys, signatures: null }, 'M_INVALID_SIGNATURE'],
      [userId, 'UNKNOWN', signedBy(keys, by(alice, cross.selfSigning)), 'M_NOT_FOUND'],
      [
        userId,
        cross.master.publicKey,
        signedBy(cross.body.master_key, by(alice, cross.selfSigning)),
        'M_INVALID_SIGNATURE',
      ],
      [bob.userId, bob.cross.master.publicKey, forged(bobsMaster, cross.userSigning), 'M_INVALID_SIGNATURE'],
      [
        bob.userId,
        bob.cross.master.publicKey,
        signedBy(bobsMaster, by(alice, cross.selfSigning)),
        'M_INVALID_SIGNATURE',
      ],
      [
        bob.userId,
        bob.cross.master.publicKey,
        signedBy(bobsMaster, by(bob, bob.deviceKey, bob.deviceId)),
        'M_INVALID_SIGNATURE',
      ],
      [bob.userId, bob.deviceId, signedBy(bob.keys, by(alice, cross.userSigning)), 'M_NOT_FOUND'],
      ['@nobody:test', 'KEY', signedBy(keys, by(alice, cross.userSigning)), 'M_NOT_FOUND'],
      ['nonsense', 'KEY', {}, 'M_NOT_FOUND'],
    ]

    for (const [owner, name, object, errcode] of attempts) {
      const reply = await sign(alice, { [owner]: { [name]: object } })
      assert.deepEqual([reply.status, reply.body.failures[owner]?.[name]?.errcode], [200, errcode], `${owner} ${name}`)
    }
    for (const body of [{ [userId]: null }, { [userId]: { [deviceId]: null } }, [], { [userId]: [] }])
      assert.equal((await sign(alice, body)).status, 400)

    assert.deepEqual(await query(alice, alice.userId, bob.userId), before)
  })

  it('T42 that are true are stored beside others that fail', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const good = signedBy(alice.keys, by(alice, alice.cross.selfSigning))

    const reply = await sign(alice, { [alice.userId]: { [alice.deviceId]: good, OTHER: good } })

    assert.deepEqual(Object.keys(reply.body.failures[alice.userId]), ['OTHER'])
    const found = await query(alice, alice.userId)
    assert.deepEqual(found.device_keys[alice.userId][alice.deviceId].signatures, good.signatures)
  })

  it('end with the device that is signed', async () => {
    await using server = await startTestServer()
    const alice = await crossSigner(server, 'alice')
    const tablet = await server.login('alice')
    await sign(alice, {
      [alice.userId]: { [alice.deviceId]: signedBy(alice.keys, by(alice, alice.cross.selfSigning)) },
    })

    await alice.request('POST', '/_matrix/client/v3/logout')
    const { body } = await server.anonymous.request('POST', '/_matrix/client/v3/login', {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: testPassword,
      device_id: alice.deviceId,
    })
    const headers = { authorization: `Bearer ${body.access_token}` }
    const keys = deviceKeysOf(alice)
    await server.anonymous.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: keys }, { headers })

    const found = await query(tablet, alice.userId)
    assert.deepEqual(found.device_keys[alice.userId][alice.deviceId].signatures, keys.signatures)
  })

  it('N19 are published on a bounded number of keys by one request', async () => {
    await using server = await startTestServer({ settings: { limits: { signatures_per_request: 3 } } })
    const alice = await crossSigner(server, 'alice')
    const objects = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, key) => [`K${key}`, {}]))

    const fits = await sign(alice, { [alice.userId]: objects(2), '@bob:test': objects(1) })
    const over = await sign(alice, { [alice.userId]: objects(2), '@bob:test': objects(2) })

    assert.deepEqual([fits.status, Object.keys(fits.body.failures[alice.userId]).length], [200, 2])
    assert.deepEqual([over.status, over.body.errcode], [413, 'M_TOO_LARGE'])
  })
})
