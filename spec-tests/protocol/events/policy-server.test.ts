import assert from 'node:assert/strict'
import type { JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { isRecommended, needsRecommendation, policyServerOf } from '#protocol/events/policy-server.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { encodePublicKey, signingKeyFromSeed } from '#protocol/events/signing-key.ts'

const seed = (byte: number): string => Buffer.alloc(32, byte).toString('base64').replace(/=+$/, '')
const origin = signingKeyFromSeed({ serverName: 'origin', keyId: 'ed25519:1' }, seed(1))
const policy = signingKeyFromSeed({ serverName: 'policy.example', keyId: 'ed25519:policy_server' }, seed(2))
const stranger = signingKeyFromSeed({ serverName: 'policy.example', keyId: 'ed25519:policy_server' }, seed(3))
const publicKey = encodePublicKey(policy.publicKey)
const server = { serverName: 'policy.example', publicKey }

const everybody = () => true
const content = (value: JsonObject) => ({ content: value })
const event = (eventIds: string): UnsignedPdu => ({
  type: 'm.room.message',
  sender: '@alice:origin',
  room_id: '!room:origin',
  content: { body: 'hello' },
  origin_server_ts: 1,
  depth: 1,
  prev_events: [],
  auth_events: [],
  ...(eventIds === 'chosen-by-origin' ? { event_id: '$chosen:origin' } : {}),
})

describe('Policy Servers', () => {
  it('are used only when the room names one with its key, and it has a joined user', () => {
    const named = content({ via: 'policy.example', public_keys: { ed25519: publicKey } })
    assert.deepEqual(
      policyServerOf(named, (name) => name === 'policy.example'),
      server,
    )
    assert.equal(
      policyServerOf(named, () => false),
      undefined,
    )
    assert.equal(policyServerOf(undefined, everybody), undefined)
    const wrong: JsonObject[] = [
      {},
      { via: 'policy.example' },
      { via: 7, public_keys: { ed25519: publicKey } },
      { via: 'policy.example', public_keys: { ed25519: 7 } },
      { via: 'policy.example', public_keys: 'x' },
      { via: 'policy.example', public_keys: [publicKey] },
      { via: 'not a server/', public_keys: { ed25519: publicKey } },
    ]
    for (const each of wrong) assert.equal(policyServerOf(content(each), everybody), undefined, JSON.stringify(each))
  })

  it('are not asked about the event that chooses them, but about all others of that type', () => {
    assert.equal(needsRecommendation({ type: 'm.room.policy', state_key: '' }), false)
    assert.equal(needsRecommendation({ type: 'm.room.policy', state_key: 'x' }), true)
    assert.equal(needsRecommendation({ type: 'm.room.policy' }), true)
    assert.equal(needsRecommendation({ type: 'm.room.member', state_key: '' }), true)
  })

  it('may give their key in the URL-safe alphabet', () => {
    const version = roomVersions.at(-1)!
    const urlSafe = Array.from({ length: 64 }, (_, byte) => signingKeyFromSeed(policy, seed(byte)))
      .map((key) => ({ key, text: encodePublicKey(key.publicKey).replaceAll('+', '-').replaceAll('/', '_') }))
      .filter(({ text }) => text.includes('-') && text.includes('_'))
    assert.ok(urlSafe.length > 0)
    for (const { key, text } of urlSafe) {
      const signed = signEvent(event(version.eventIds), version, key)
      assert.ok(isRecommended(signed, version, { serverName: 'policy.example', publicKey: text }))
    }
  })

  for (const version of roomVersions)
    it(`recommend events by a signature with the room's key, version ${version.id}`, () => {
      const sent = signEvent(event(version.eventIds), version, origin)
      const alsoSignedBy = (key: typeof policy): Pdu => {
        const { signatures } = signEvent(event(version.eventIds), version, key)
        return { ...sent, signatures: { ...sent.signatures, ...signatures } }
      }
      assert.equal(isRecommended(sent, version, server), false)
      assert.equal(isRecommended(alsoSignedBy(stranger), version, server), false)
      const recommended = alsoSignedBy(policy)
      assert.equal(isRecommended(recommended, version, server), true)
      assert.equal(isRecommended(recommended, version, { ...server, publicKey: 'not a key' }), false)
      assert.equal(isRecommended({ ...recommended, origin_server_ts: 2 }, version, server), false)
    })
})
