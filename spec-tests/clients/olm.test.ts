import assert from 'node:assert/strict'
import Olm from '@matrix-org/olm'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { TestUser } from '../support/server/client.ts'
import { startTestServer } from '../support/server/server.ts'

type Keys = { curve25519: string; ed25519: string }

/** A device as a client of the libolm generation keeps it. */
class OlmDevice {
  readonly user: TestUser
  readonly account = new Olm.Account()
  readonly keys: Keys

  constructor(user: TestUser) {
    this.user = user
    this.account.create()
    this.keys = JSON.parse(this.account.identity_keys()) as Keys
  }

  /** Signs as libolm clients do: over canonical JSON, under the name of the device. */
  signed(object: JsonObject): JsonObject {
    const { userId, deviceId } = this.user
    return {
      ...object,
      signatures: { [userId]: { [`ed25519:${deviceId}`]: this.account.sign(canonicalJson(object)) } },
    }
  }

  deviceKeys(): JsonObject {
    const { userId, deviceId } = this.user
    const keys = { [`ed25519:${deviceId}`]: this.keys.ed25519, [`curve25519:${deviceId}`]: this.keys.curve25519 }
    const algorithms = ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2']
    return this.signed({ user_id: userId, device_id: deviceId, algorithms, keys })
  }

  async upload(): Promise<void> {
    this.account.generate_one_time_keys(2)
    this.account.generate_fallback_key()
    const { curve25519 } = JSON.parse(this.account.one_time_keys()) as { curve25519: Record<string, string> }
    const fallback = JSON.parse(this.account.unpublished_fallback_key()) as { curve25519: Record<string, string> }
    const named = (keys: Record<string, string>, more: JsonObject) =>
      Object.fromEntries(
        Object.entries(keys).map(([id, key]) => [`signed_curve25519:${id}`, this.signed({ key, ...more })]),
      )
    const reply = await this.user.request('POST', '/_matrix/client/v3/keys/upload', {
      device_keys: this.deviceKeys(),
      one_time_keys: named(curve25519, {}),
      fallback_keys: named(fallback.curve25519, { fallback: true }),
    })
    assert.deepEqual(reply.body, { one_time_key_counts: { signed_curve25519: 2 } })
    this.account.mark_keys_as_published()
  }

  /** Looks the other device up, claims a key of it, checks both, and opens a session. */
  async sessionWith({ userId, deviceId }: TestUser): Promise<{ session: Olm.Session; theirs: Keys }> {
    const found = await this.user.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [userId]: [] } })
    const device = found.body.device_keys[userId][deviceId]
    const theirs = { curve25519: device.keys[`curve25519:${deviceId}`], ed25519: device.keys[`ed25519:${deviceId}`] }
    const claimed = await this.user.request('POST', '/_matrix/client/v3/keys/claim', {
      one_time_keys: { [userId]: { [deviceId]: 'signed_curve25519' } },
    })
    const [oneTimeKey] = Object.values(claimed.body.one_time_keys[userId][deviceId]) as (JsonObject & { key: string })[]
    assert.ok(oneTimeKey)
    for (const object of [device, oneTimeKey]) this.verify(object, { userId, deviceId, key: theirs.ed25519 })
    const session = new Olm.Session()
    session.create_outbound(this.account, theirs.curve25519, oneTimeKey.key)
    return { session, theirs }
  }

  /** Throws when the object is not signed by the device. */
  verify(object: JsonObject, by: { userId: string; deviceId: string; key: string }): void {
    const { signatures, unsigned: _, ...content } = object
    const all = signatures as Record<string, Record<string, string>>
    const signature = all[by.userId]?.[`ed25519:${by.deviceId}`] ?? ''
    new Olm.Utility().ed25519_verify(by.key, canonicalJson(content), signature)
  }

  /** Encrypts to the other device and sends it there. */
  async send({ userId, deviceId }: TestUser, plaintext: JsonObject): Promise<void> {
    const { session, theirs } = await this.sessionWith({ userId, deviceId } as TestUser)
    const ciphertext = { [theirs.curve25519]: session.encrypt(JSON.stringify(plaintext)) }
    const content = { algorithm: 'm.olm.v1.curve25519-aes-sha2', sender_key: this.keys.curve25519, ciphertext }
    const path = `/_matrix/client/v3/sendToDevice/m.room.encrypted/${session.session_id().replaceAll('/', '_')}`
    assert.equal(
      (await this.user.request('PUT', path, { messages: { [userId]: { [deviceId]: content } } })).status,
      200,
    )
  }

  /** Decrypts the first message of a new session. */
  decrypt(content: JsonObject): JsonObject {
    const ciphertext = content.ciphertext as Record<string, { type: number; body: string }>
    const message = ciphertext[this.keys.curve25519]
    assert.ok(message?.type === 0)
    const session = new Olm.Session()
    session.create_inbound_from(this.account, content.sender_key as string, message.body)
    this.account.remove_one_time_keys(session)
    return JSON.parse(session.decrypt(message.type, message.body)) as JsonObject
  }
}

const sync = async ({ user }: OlmDevice) => (await user.request('GET', '/_matrix/client/v3/sync')).body
const receive = async (device: OlmDevice): Promise<{ sender: string; type: string; content: JsonObject }[]> =>
  (await sync(device)).to_device.events

/** A room that both are in. */
async function sharedRoom(alice: OlmDevice, bob: OlmDevice): Promise<string> {
  const encryption = { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }
  const created = await alice.user.request('POST', '/_matrix/client/v3/createRoom', {
    preset: 'public_chat',
    initial_state: [encryption],
  })
  const room = created.body.room_id as string
  assert.equal((await bob.user.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, {})).status, 200)
  return room
}

describe('libolm clients', () => {
  before(() => Olm.init())

  it('share a Megolm session over Olm and read what it encrypts', async () => {
    await using server = await startTestServer()
    const alice = new OlmDevice(await server.register('alice'))
    const bob = new OlmDevice(await server.register('bob'))
    await alice.upload()
    await bob.upload()
    const room = await sharedRoom(alice, bob)
    const outbound = new Olm.OutboundGroupSession()
    outbound.create()

    await alice.send(bob.user, { type: 'm.room_key', content: { session_key: outbound.session_key() } })
    const encrypted = {
      algorithm: 'm.megolm.v1.aes-sha2',
      session_id: outbound.session_id(),
      ciphertext: outbound.encrypt('hello'),
    }
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.encrypted/1`
    await alice.user.request('PUT', path, encrypted)

    const seen = await sync(bob)
    const [event] = seen.to_device.events
    const { content } = bob.decrypt(event.content) as { content: { session_key: string } }
    const inbound = new Olm.InboundGroupSession()
    inbound.create(content.session_key)
    const message = seen.rooms.join[room].timeline.events.at(-1)
    assert.deepEqual([event.sender, event.type], [alice.user.userId, 'm.room.encrypted'])
    assert.equal(message.content.session_id, inbound.session_id())
    assert.equal(inbound.decrypt(message.content.ciphertext).plaintext, 'hello')
    assert.deepEqual(seen.device_one_time_keys_count, { signed_curve25519: 1 })
    assert.deepEqual(seen.device_unused_fallback_key_types, ['signed_curve25519'])
  })

  it('open sessions with the fallback key when one-time keys are used up', async () => {
    await using server = await startTestServer()
    const alice = new OlmDevice(await server.register('alice'))
    const bob = new OlmDevice(await server.register('bob'))
    await bob.upload()

    for (let number = 0; number < 4; number++) await alice.send(bob.user, { number })
    const events = await receive(bob)

    const numbers = events.map((event) => bob.decrypt(event.content).number)
    assert.deepEqual(numbers, [0, 1, 2, 3])
  })
})
