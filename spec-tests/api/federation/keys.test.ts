import assert from 'node:assert/strict'
import { verifyJson, signJson } from '#protocol/events/signatures.ts'
import { decodePublicKey, encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { jsonAnswer, startFederation, TestNetwork, type FakeServer } from '../../support/federation/network.ts'
import { startTestServer } from '../../support/server/server.ts'

const day = 86_400_000

/** The answer of a server about its keys. */
function publish(key: SigningKey, { validUntil, more = {} }: { validUntil: number; more?: JsonObject }): JsonObject {
  const verify_keys = { [key.keyId]: { key: encodePublicKey(key.publicKey) } }
  return signJson({ server_name: key.serverName, valid_until_ts: validUntil, verify_keys, ...more }, key)
}

const answering =
  (answer: () => unknown): FakeServer =>
  async () =>
    jsonAnswer(200, answer())

describe('signing keys of servers', () => {
  it('T28 are published, signed, and new in each installation', async () => {
    await using one = await startTestServer({ settings: { server_name: 'new.test' } })
    await using other = await startTestServer({ settings: { server_name: 'new.test' } })
    const { status, body } = await one.anonymous.request('GET', '/_matrix/key/v2/server')
    assert.equal(status, 200)
    assert.equal(body.server_name, 'new.test')
    const [[keyId, { key }]] = Object.entries(body.verify_keys) as [[string, { key: string }]]
    const publicKey = decodePublicKey(key)
    assert.ok(publicKey && verifyJson(body, { serverName: 'new.test', keyId, publicKey }))
    assert.ok(body.valid_until_ts > one.clock.now())
    const { body: second } = await other.anonymous.request('GET', '/_matrix/key/v2/server')
    assert.notDeepEqual(second.verify_keys, body.verify_keys)
  })

  it('of other servers are fetched, countersigned and kept', async () => {
    await using federation = await startFederation(['a.test', 'b.test'])
    const [a, b] = federation.servers
    const ask = () => a!.anonymous.request('GET', '/_matrix/key/v2/query/b.test')
    const { status, body } = await ask()
    assert.equal(status, 200)
    const [answer] = body.server_keys
    assert.equal(answer.server_name, 'b.test')
    assert.ok(verifyJson(answer, b!.context.signingKey), 'signed by its owner')
    assert.ok(verifyJson(answer, a!.context.signingKey), 'signed by the notary')
    await ask()
    assert.equal(federation.network.requests.length, 1)
  })

  it('are asked of a notary where their server is gone', async () => {
    const settings = { federation: { key_servers: ['b.test'] } }
    await using federation = await startFederation(['a.test', 'b.test'], { settings })
    const { network, clock, servers } = federation
    const key = keyOf('gone.test')
    network.addFake(
      'gone.test',
      answering(() => publish(key, { validUntil: clock.now() + day })),
    )
    await servers[1]!.anonymous.request('GET', '/_matrix/key/v2/query/gone.test')
    network.addFake('gone.test', async () => Promise.reject(new Error('It is gone')))
    const found = await servers[0]!.context.keyRing.find('gone.test', key.keyId)
    assert.ok(found?.publicKey.equals(key.publicKey))
  })

  it('T27 are valid for a week at most, and fetched anew after their end', async () => {
    await using federation = await startFederation(['a.test'])
    const { network, clock, servers } = federation
    const { keyRing } = servers[0]!.context
    const key = keyOf('far.test')
    network.addFake(
      'far.test',
      answering(() => publish(key, { validUntil: clock.now() + 1000 * day })),
    )
    const first = await keyRing.find('far.test', key.keyId)
    assert.equal(first?.validUntil, clock.now() + 7 * day)
    await clock.advance(8 * day)
    const later = await keyRing.find('far.test', key.keyId)
    assert.equal(later?.validUntil, clock.now() + 7 * day)
  })

  it('T27 keep the bytes under which a key id was seen first', async () => {
    await using federation = await startFederation(['a.test'])
    const { network, clock, servers } = federation
    const { keyRing } = servers[0]!.context
    const key = keyOf('far.test', 'ed25519:1')
    let published = publish(key, { validUntil: clock.now() + day })
    network.addFake(
      'far.test',
      answering(() => published),
    )
    await keyRing.find('far.test', key.keyId)
    await clock.advance(2 * day)
    const forged = { ...keyOf('evil.test', 'ed25519:1'), serverName: 'far.test' }
    published = publish(forged, { validUntil: clock.now() + day })
    const found = await keyRing.find('far.test', key.keyId)
    assert.ok(found && found.publicKey.equals(key.publicKey))
    assert.ok(found.validUntil < clock.now(), 'and it is not valid any longer')
  })

  it('are not asked for again at once where they cannot be had', async () => {
    const network = new TestNetwork()
    network.addFake('silent.test', async () => Promise.reject(new Error('It is silent')))
    await using server = await startTestServer({
      settings: { federation: { key_servers: [] } },
      transport: network.transportOf('test'),
    })
    const { keyRing } = server.context
    const asked = () => network.requests.filter(({ destination }) => destination === 'silent.test').length
    for (let id = 0; id < 50; id++) assert.equal(await keyRing.find('silent.test', `ed25519:${id}`), undefined)
    assert.equal(asked(), 1)
    await server.clock.advance(61_000)
    await keyRing.find('silent.test', 'ed25519:1')
    assert.equal(asked(), 2)
  })
})
