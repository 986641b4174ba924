import assert from 'node:assert/strict'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import type { TestUser } from '../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf, oneTimeKeysOf } from '../../support/server/device-crypto.ts'
import type { TestServer } from '../../support/server/server.ts'

const query = (user: TestUser, userId: string) =>
  user.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [userId]: [] } })

const ask = (from: TestServer, path: string[], content?: object) =>
  askServer(from.context, {
    destination: 'b.test',
    method: content ? 'POST' : 'GET',
    path: ['_matrix', 'federation', 'v1', 'user', ...path],
    ...(content && { content: content as never }),
  })

describe('keys of devices of another server', () => {
  let federation: Federation
  let servers: readonly [TestServer, TestServer]
  let [alice, bob]: TestUser[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    servers = federation.servers as unknown as typeof servers
    alice = await servers[0].register('alice')
    bob = await servers[1].register('bob')
    const device_keys = deviceKeysOf(bob)
    const one_time_keys = oneTimeKeysOf(bob, [1, 2])
    await bob.request('POST', '/_matrix/client/v3/keys/upload', { device_keys, one_time_keys })
    const { body } = crossSigningOf(bob.userId)
    await bob.request('POST', '/_matrix/client/v3/keys/device_signing/upload', body)
  })
  after(() => federation[Symbol.asyncDispose]())

  it('are asked for', async () => {
    const own = await query(bob!, bob!.userId)
    const { status, body } = await query(alice!, bob!.userId)
    assert.equal(status, 200)
    assert.deepEqual(body.failures, {})
    const { unsigned: _named, ...keys } = own.body.device_keys[bob!.userId][bob!.deviceId]
    const { unsigned, ...found } = body.device_keys[bob!.userId][bob!.deviceId]
    assert.deepEqual(found, keys)
    assert.deepEqual(unsigned, {}, 'names of devices are not shared')
    assert.deepEqual(body.master_keys, own.body.master_keys)
    assert.deepEqual(body.self_signing_keys, own.body.self_signing_keys)
    assert.deepEqual(body.user_signing_keys, {})
  })

  it('are claimed, each once', async () => {
    const claim = () =>
      alice!.request('POST', '/_matrix/client/v3/keys/claim', {
        one_time_keys: { [bob!.userId]: { [bob!.deviceId]: 'signed_curve25519' } },
      })
    const claimed = [await claim(), await claim()].map(({ body }) => {
      assert.deepEqual(body.failures, {})
      return Object.keys(body.one_time_keys[bob!.userId][bob!.deviceId])
    })
    assert.deepEqual(claimed.flat().sort(), ['signed_curve25519:k1', 'signed_curve25519:k2'])
    assert.deepEqual((await claim()).body.one_time_keys[bob!.userId], undefined)
  })

  it('are failures of their server where it cannot be reached', async () => {
    federation.network.cut('a.test', 'b.test')
    const { status, body } = await query(alice!, bob!.userId)
    federation.network.heal('a.test', 'b.test')
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body.failures), ['b.test'])
    assert.deepEqual(body.device_keys, {})
  })

  it('are listed with the position of their newest change', async () => {
    const answer = await ask(servers[0], ['devices', bob!.userId])
    assert.equal(answer.user_id, bob!.userId)
    assert.ok(Number(answer.stream_id) > 0)
    assert.deepEqual(
      (answer.devices as { device_id: string }[]).map(({ device_id: id }) => id),
      [bob!.deviceId],
    )
    assert.ok(answer.master_key && answer.self_signing_key)
  })

  it('T34 are not given for users of yet other servers', async () => {
    for (const userId of ['@alice:a.test', '@eve:c.test']) {
      const refused = (error: unknown) => error instanceof RemoteError && error.status === 400
      await assert.rejects(ask(servers[0], ['devices', userId]), refused)
      await assert.rejects(ask(servers[0], ['keys', 'query'], { device_keys: { [userId]: [] } }), refused)
      const one_time_keys = { [userId]: { DEVICE: 'signed_curve25519' } }
      await assert.rejects(ask(servers[0], ['keys', 'claim'], { one_time_keys }), refused)
    }
  })
})
