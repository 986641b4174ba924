import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { isRecommended, policyKeyId } from '#protocol/events/policy-server.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { message, state } from '../../support/generators/acts.ts'
import { createRoom, putState, sendText } from '../../support/rooms/rooms.ts'
import { accepted, refused, type TestUser } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const bob = '@bob:b.test'
const path = '/_matrix/policy/v1/sign'
const wellKnown = '/.well-known/matrix/policy_server'

type Setting = {
  federation: Federation
  server: TestServer
  alice: TestUser
  far: FarServer
  roomId: RoomId
  publicKey: string
} & AsyncDisposable

/** A room that has chosen the server it is on as its Policy Server. */
async function setUp(): Promise<Setting> {
  const settings = { federation: { key_servers: [], policy_server: true, denied_servers: ['denied.test'] } }
  const federation = await startFederation(['a.test'], { settings })
  const server = federation.servers[0]!
  const alice = await server.register('alice')
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  const far = new FarServer(federation, 'b.test')
  await far.join(server, roomId, bob)
  const publicKey = accepted(await server.anonymous.request('GET', wellKnown)).public_keys.ed25519
  const content = { via: 'a.test', public_keys: { ed25519: publicKey } }
  accepted(await putState(alice, roomId, ['m.room.policy'], content))
  const end = () => federation[Symbol.asyncDispose]()
  return { federation, server, alice, far, roomId, publicKey, [Symbol.asyncDispose]: end }
}

const asked = ({ far, server }: Setting, pdu: unknown) => far.request(server, 'POST', path, pdu as JsonObject)

const refusedWith = ({ status, body }: { status: number; body: JsonObject }, wanted: number, errcode: string) =>
  assert.deepEqual([status, body.errcode], [wanted, errcode])

describe('being a policy server', function () {
  this.timeout(20_000)

  it('is off unless it is configured', async () => {
    await using federation = await startFederation(['a.test'])
    const [server] = federation.servers
    const far = new FarServer(federation, 'b.test')
    refused(await server!.anonymous.request('GET', wellKnown), 404, 'M_NOT_FOUND')
    refusedWith(await far.request(server!, 'POST', path, {}), 404, 'M_UNRECOGNIZED')
  })

  it('signs what other servers ask about, with the key that it publishes and no other signature', async () => {
    await using setting = await setUp()
    const { server, far, roomId, publicKey } = setting
    const { version } = await server.context.rooms.get(roomId)
    const { pdu } = await far.make(server, roomId, message(bob))
    const { status, body } = await asked(setting, pdu)
    assert.equal(status, 200)
    assert.deepEqual([Object.keys(body), Object.keys(body['a.test'])], [['a.test'], [policyKeyId]])
    const signed = { ...pdu, signatures: { ...pdu.signatures, ...body } } as Pdu
    assert.ok(isRecommended(signed, version, { serverName: 'a.test', publicKey }))
    const { verify_keys: keys } = accepted(await server.anonymous.request('GET', '/_matrix/key/v2/server'))
    assert.equal(JSON.stringify(keys).includes(publicKey), false)
  })

  it('refuses what the room or this server would not let in, and what is no event', async () => {
    await using setting = await setUp()
    const { federation, server, alice, far, roomId } = setting
    const { pdu } = await far.make(server, roomId, message(bob))
    refusedWith(await asked(setting, { ...pdu, content: { body: 'other' } }), 400, 'M_BAD_JSON')
    refusedWith(await asked(setting, { ...pdu, depth: 'x' }), 400, 'M_BAD_JSON')
    const unsettling = await far.make(server, roomId, state(bob, 'm.room.policy', {}))
    refusedWith(await asked(setting, unsettling.pdu), 400, 'M_FORBIDDEN')
    const denied = new FarServer(federation, 'denied.test')
    const theirs = await denied.make(server, roomId, message('@mallory:denied.test'))
    refusedWith(await asked(setting, theirs.pdu), 400, 'M_FORBIDDEN')

    const barred = new FarServer(federation, 'barred.test')
    const acl = { allow: ['*'], deny: ['barred.test'] }
    accepted(await putState(alice, roomId, ['m.room.server_acl'], acl))
    const barredEvent = await barred.make(server, roomId, message('@eve:barred.test'))
    refusedWith(await asked(setting, barredEvent.pdu), 400, 'M_FORBIDDEN')
    refusedWith(await barred.request(server, 'POST', path, pdu as unknown as JsonObject), 403, 'M_FORBIDDEN')

    await server.context.store.transaction((tx) => tx.rooms.purges.block(roomId, alice.userId))
    refusedWith(await asked(setting, pdu), 400, 'M_FORBIDDEN')
  })

  it('knows no rooms that chose none, another server or another key', async () => {
    await using setting = await setUp()
    const { server, alice, far, roomId } = setting
    const { pdu } = await far.make(server, roomId, message(bob))
    refusedWith(await asked(setting, { ...pdu, room_id: '!unknown:a.test' }), 404, 'M_NOT_FOUND')
    refusedWith(await asked(setting, {}), 404, 'M_NOT_FOUND')
    const plain = await createRoom(alice, { preset: 'public_chat' })
    await far.join(server, plain, bob)
    const elsewhere = await far.make(server, plain, message(bob))
    refusedWith(await asked(setting, elsewhere.pdu), 404, 'M_NOT_FOUND')
    for (const content of [
      { via: 'b.test', public_keys: { ed25519: setting.publicKey } },
      { via: 'a.test', public_keys: { ed25519: 'A'.repeat(43) } },
    ]) {
      accepted(await putState(alice, plain, ['m.room.policy'], content))
      refusedWith(await asked(setting, elsewhere.pdu), 404, 'M_NOT_FOUND')
    }
  })

  it('signs what is sent here, and what comes without its signature', async () => {
    await using setting = await setUp()
    const { server, alice, far, roomId } = setting
    const signersOf = async (id: EventId) => {
      const stored = await server.context.store.rooms.events.find(id)
      const { signatures } = storedPdu(stored!, await server.context.rooms.get(roomId))
      return [stored!.status, Object.keys(signatures['a.test'] ?? {}).includes(policyKeyId)]
    }
    assert.deepEqual(await signersOf(await sendText(alice, roomId, 'hello')), ['accepted', true])
    const { id, pdu } = await far.make(server, roomId, message(bob))
    assert.deepEqual((await far.send(server, [pdu])).results, { [id]: {} })
    assert.deepEqual(await signersOf(id), ['accepted', true])
  })
})
