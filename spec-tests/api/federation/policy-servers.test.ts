import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { policyKeyId } from '#protocol/events/policy-server.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { message } from '../../support/generators/acts.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { jsonAnswer, startFederation, type Federation } from '../../support/federation/network.ts'
import { createRoom, putState, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { accepted, refused, type TestUser } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const bob = '@bob:b.test'
const policyKey = keyOf('policy.test', policyKeyId)
const sign = '/_matrix/policy/v1/sign'

type Setting = {
  federation: Federation
  server: TestServer
  alice: TestUser
  far: FarServer
  policy: FarServer
  roomId: RoomId
} & AsyncDisposable

/** A room with a Policy Server that recommends everything but spam. */
async function setUp(): Promise<Setting> {
  const federation = await startFederation(['a.test'])
  const server = federation.servers[0]!
  const alice = await server.register('alice')
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  const far = new FarServer(federation, 'b.test')
  const policy = new FarServer(federation, 'policy.test')
  await far.join(server, roomId, bob)
  await policy.join(server, roomId, '@bot:policy.test')
  const { version } = await server.context.rooms.get(roomId)
  policy.on(sign, ({ body }) => {
    const pdu = JSON.parse(body ?? '{}') as Pdu
    if (pdu.content.body === 'spam') return undefined
    const { signatures } = signEvent({ ...pdu, signatures: {} }, version, policyKey)
    return { 'policy.test': signatures['policy.test'] as unknown as JsonObject }
  })
  const content = { via: 'policy.test', public_keys: { ed25519: encodePublicKey(policyKey.publicKey) } }
  accepted(await putState(alice, roomId, ['m.room.policy'], content))
  assert.equal(policy.asked.includes(sign), false)
  const end = () => federation[Symbol.asyncDispose]()
  return { federation, server, alice, far, policy, roomId, [Symbol.asyncDispose]: end }
}

async function signersOf({ server, roomId }: Setting, id: EventId): Promise<string[]> {
  const room = await server.context.rooms.get(roomId)
  const stored = await server.context.store.rooms.events.find(id)
  return Object.keys(storedPdu(stored!, room).signatures).sort()
}

describe('policy servers over HTTP', function () {
  this.timeout(20_000)

  it('sign what our users send, before it is sent', async () => {
    await using setting = await setUp()
    const { alice, roomId, policy } = setting
    const id = await sendText(alice, roomId, 'hello')
    assert.deepEqual(await signersOf(setting, id), ['a.test', 'policy.test'])
    assert.deepEqual(policy.asked.filter((path) => path === sign).length, 1)
  })

  it('refuse what our users send, in their own words', async () => {
    await using setting = await setUp()
    const { alice, roomId, federation } = setting
    federation.network.interceptor = async (_from, request, send) =>
      request.uri === sign
        ? jsonAnswer(400, { errcode: 'M_FORBIDDEN', error: 'The message appears to contain possible spam' })
        : send(request)
    const path = roomPath(roomId, 'send', 'm.room.message', '1')
    const reply = await alice.request('PUT', path, { msgtype: 'm.text', body: 'spam' })
    refused(reply, 400, 'M_FORBIDDEN')
    assert.equal(reply.body.error, 'The message appears to contain possible spam')
    federation.network.interceptor = undefined
    await sendText(alice, roomId, 'hello')
  })

  it('let nothing be sent while they cannot be asked', async () => {
    await using setting = await setUp()
    const { alice, roomId, federation } = setting
    federation.network.cut('a.test', 'policy.test')
    const path = roomPath(roomId, 'send', 'm.room.message', '1')
    refused(await alice.request('PUT', path, { msgtype: 'm.text', body: 'hello' }), 502, 'M_UNKNOWN')
  })

  it('let nothing be sent that they sign with another key than the room names', async () => {
    await using setting = await setUp()
    const { server, alice, roomId, policy } = setting
    const { version } = await server.context.rooms.get(roomId)
    const other = { ...keyOf('other.test', policyKeyId), serverName: 'policy.test' }
    policy.on(sign, ({ body }) => {
      const pdu = JSON.parse(body ?? '{}') as Pdu
      const { signatures } = signEvent({ ...pdu, signatures: {} }, version, other)
      return { 'policy.test': signatures['policy.test'] as unknown as JsonObject }
    })
    const path = roomPath(roomId, 'send', 'm.room.message', '1')
    refused(await alice.request('PUT', path, { msgtype: 'm.text', body: 'hello' }), 403, 'M_FORBIDDEN')
  })

  it('are asked about what other servers send without their signature, and soft-fail it', async () => {
    await using setting = await setUp()
    const { server, far, roomId, alice } = setting
    const good = await far.make(server, roomId, message(bob, 'hello'))
    assert.deepEqual((await far.send(server, [good.pdu])).results, { [good.id]: {} })
    assert.deepEqual(await signersOf(setting, good.id), ['b.test', 'policy.test'])
    const spam = await far.make(server, roomId, message(bob, 'spam'))
    assert.deepEqual((await far.send(server, [spam.pdu])).results, { [spam.id]: {} })
    assert.equal((await server.context.store.rooms.events.find(spam.id))?.status, 'soft-failed')
    assert.equal((await alice.request('GET', roomPath(roomId, 'event', spam.id))).status, 404)
  })

  it('are not asked about an event that bears their signature', async () => {
    await using setting = await setUp()
    const { server, far, roomId, policy } = setting
    const { id, pdu } = await far.make(server, roomId, message(bob, 'spam'))
    const { version } = await server.context.rooms.get(roomId)
    const { signatures } = signEvent({ ...pdu, signatures: {} }, version, policyKey)
    const signed = { ...pdu, signatures: { ...pdu.signatures, ...signatures } }
    assert.deepEqual((await far.send(server, [signed])).results, { [id]: {} })
    assert.equal((await server.context.store.rooms.events.find(id))?.status, 'accepted')
    assert.equal(policy.asked.includes(sign), false)
  })
})
