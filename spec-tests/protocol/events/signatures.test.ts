import assert from 'node:assert/strict'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import type { JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import {
  requiredSigners,
  signEvent,
  signingKeyIds,
  signJson,
  verifyEventSignature,
  verifyJson,
} from '#protocol/events/signatures.ts'
import { decodePublicKey, encodePublicKey, seedOf, signingKeyFromSeed } from '#protocol/events/signing-key.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

const seed = 'YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1'
const key = signingKeyFromSeed({ serverName: 'domain', keyId: 'ed25519:1' }, seed)

const minimalEvent = {
  room_id: '!x:domain',
  sender: '@a:domain',
  origin: 'domain',
  origin_server_ts: 1000000,
  signatures: {},
  hashes: {},
  type: 'X',
  content: {},
  prev_events: [],
  auth_events: [],
  depth: 3,
  unsigned: { age_ts: 1000000 },
} as unknown as UnsignedPdu

describe('unpadded base64', () => {
  const examples = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' }
  for (const [plain, encoded] of Object.entries(examples)) {
    it(`writes '${plain}' as '${encoded}' and reads it back`, () => {
      assert.equal(encodeUnpaddedBase64(Buffer.from(plain)), encoded)
      assert.equal(decodeUnpaddedBase64(encoded)?.toString(), plain)
    })
  }

  it('tolerates padding and refuses what is not base64', () => {
    assert.equal(decodeUnpaddedBase64('Zg==')?.toString(), 'f')
    for (const broken of ['Zg=x', 'Z', 'Zm9v!', 'Zm 9v', '=Zg']) assert.equal(decodeUnpaddedBase64(broken), undefined)
  })
})

describe('signing JSON', () => {
  it('keeps other signatures and leaves unsigned data out of its own', () => {
    const other = signingKeyFromSeed({ serverName: 'other', keyId: 'ed25519:x' }, seed)
    const twice = signJson(signJson({ one: 1 }, other), key)
    const relayed: JsonObject = { ...twice, unsigned: { age_ts: 5 } }
    assert.equal(verifyJson(relayed, key), true)
    assert.equal(verifyJson(relayed, other), true)
    assert.deepEqual(signingKeyIds(relayed, 'other'), ['ed25519:x'])
  })

  it('fails on changed content, on another key, and on signatures that are missing or malformed', () => {
    const signed = signJson({ one: 1 }, key)
    assert.equal(verifyJson({ ...signed, one: 2 }, key), false)
    assert.equal(verifyJson(signed, { ...key, keyId: 'ed25519:2' }), false)
    assert.equal(verifyJson(signed, { ...key, serverName: 'else' }), false)
    for (const signature of ['', '!', 'AAAA', 7, null, {}])
      assert.equal(verifyJson({ one: 1, signatures: { domain: { 'ed25519:1': signature } } }, key), false)
    for (const signatures of [null, [], 'x', { domain: null }, { domain: [] }])
      assert.equal(verifyJson({ one: 1, signatures }, key), false)
  })

  it('T05 does not mistake inherited properties for signatures', () => {
    assert.equal(verifyJson({ signatures: {} }, { ...key, serverName: '__proto__', keyId: 'constructor' }), false)
    assert.deepEqual(signingKeyIds({ signatures: {} }, 'constructor'), [])
  })

  it('is false, not an error, for what has no canonical form', () => {
    const signatures = { domain: { 'ed25519:1': 'AAAA' } }
    assert.equal(verifyJson({ signatures, n: 2 ** 53 }, key), false)
  })

  it('converts keys to and from their raw form', () => {
    assert.deepEqual(decodeUnpaddedBase64(seedOf(key.privateKey)), decodeUnpaddedBase64(seed))
    assert.ok(decodePublicKey(encodePublicKey(key.publicKey))?.equals(key.publicKey))
    assert.equal(decodePublicKey('AAAA'), undefined)
  })
})

describe('signing events', () => {
  for (const version of roomVersions) {
    it(`verifies whole and redacted events alike in version ${version.id}`, () => {
      const signed = signEvent({ ...minimalEvent, type: 'm.room.message', content: { body: 'hi' } }, version, key)
      const redacted = redact(signed, version)
      assert.equal(verifyEventSignature(signed, version, key), true)
      assert.equal(verifyEventSignature(redacted, version, key), true)
      assert.equal(verifyEventSignature({ ...signed, depth: 4 }, version, key), false)
      assert.equal(hasValidContentHash(signed), true)
      assert.equal(hasValidContentHash(redacted), false)
    })
  }

  it('calls the content hash invalid when it is missing or malformed', () => {
    for (const hashes of [undefined, {}, { sha256: 7 }, { sha256: '!' }])
      assert.equal(hasValidContentHash({ ...minimalEvent, hashes } as unknown as Pdu), false)
  })
})

describe('the servers that must have signed an event', () => {
  const signers = (event: object, version: string) =>
    requiredSigners({ ...minimalEvent, ...event } as Pdu, roomVersion(version)!)
  const join = { membership: 'join', join_authorised_via_users_server: '@mod:else' }

  it('are that of the sender, and in versions 1 and 2 that of the event id', () => {
    assert.deepEqual(signers({ event_id: '$1:else' }, '1'), ['domain', 'else'])
    assert.deepEqual(signers({ event_id: '$1:domain' }, '2'), ['domain'])
    assert.deepEqual(signers({}, '3'), ['domain'])
  })

  it('include that of the authorising user where rooms may be restricted', () => {
    assert.deepEqual(signers({ type: 'm.room.member', content: join }, '8'), ['domain', 'else'])
    assert.deepEqual(signers({ type: 'm.room.member', content: join }, '7'), ['domain'])
    assert.deepEqual(signers({ type: 'm.room.message', content: join }, '8'), ['domain'])
  })

  it('do not include that of the sender of a third-party invite', () => {
    const content = { membership: 'invite', third_party_invite: { signed: {} } }
    assert.deepEqual(signers({ type: 'm.room.member', content }, '10'), [])
    assert.deepEqual(signers({ type: 'm.room.member', content: { ...content, membership: 'join' } }, '10'), ['domain'])
  })
})
