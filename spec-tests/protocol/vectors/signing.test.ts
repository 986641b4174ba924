import assert from 'node:assert/strict'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import { citationOf, eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { redact } from '#protocol/events/redaction.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent, signingKeyIds, signJson, verifyEventSignature, verifyJson } from '#protocol/events/signatures.ts'
import { decodePublicKey, signingKeyFromSeed } from '#protocol/events/signing-key.ts'
import { decodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import { byVersion } from '../../support/generators/by-version.ts'

/** https://spec.matrix.org/v1.19/appendices/#cryptographic-test-vectors */
const key = signingKeyFromSeed(
  { serverName: 'domain', keyId: 'ed25519:1' },
  'YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1',
)
const signed = (signature: string) => ({ signatures: { domain: { 'ed25519:1': signature } } })

const objects: [object: JsonObject, signature: string][] = [
  [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
  [{ one: 1, two: 'Two' }, 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw'],
]

const minimal = {
  ...{ room_id: '!x:domain', sender: '@a:domain', origin: 'domain', origin_server_ts: 1000000 },
  ...{ signatures: {}, hashes: {}, type: 'X', content: {}, prev_events: [], auth_events: [], depth: 3 },
  unsigned: { age_ts: 1000000 },
} as unknown as UnsignedPdu

const redactable = {
  content: { body: 'Here is the message content' },
  ...{ event_id: '$0:domain', origin: 'domain', origin_server_ts: 1000000, type: 'm.room.message' },
  ...{ room_id: '!r:domain', sender: '@u:domain', signatures: {}, unsigned: { age_ts: 1000000 } },
} as unknown as UnsignedPdu

const events: [name: string, event: UnsignedPdu, sha256: string, signature: string][] = [
  [
    'the minimal event',
    minimal,
    '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos',
    'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
  ],
  [
    'the event with redactable content',
    redactable,
    'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g',
    'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
  ],
]
const v1 = roomVersion('1')!

describe('signatures, as the specification shows them,', () => {
  for (const [object, signature] of objects)
    it(`are made and verified for ${JSON.stringify(object)}`, () => {
      const expected = { ...object, ...signed(signature) }
      assert.deepEqual(signJson(object, key), expected)
      assert.equal(verifyJson(expected, key), true)
      assert.equal(verifyJson({ ...expected, unsigned: { age_ts: 1 } }, key), true)
      assert.equal(verifyJson({ ...expected, three: 3 }, key), false)
    })

  for (const [name, event, sha256, signature] of events)
    it(`are made and verified for ${name}, and its hash`, () => {
      const expected = { ...event, hashes: { sha256 }, ...signed(signature) } as Pdu
      assert.deepEqual(signEvent(event, v1, key), expected)
      const received = parseStrictJson(canonicalJson(expected)) as Pdu
      assert.equal(verifyEventSignature(received, v1, key), true)
      assert.equal(hasValidContentHash(received), true)
      const redacted = redact(received, v1)
      assert.equal(verifyEventSignature(redacted, v1, key), true)
      assert.equal(hasValidContentHash(redacted), !('body' in event.content))
    })

  it('are true of the events in every version whose redaction leaves the same', () => {
    // From version 11 `origin` is redacted, and with it what was signed.
    for (const [id, isTrue] of byVersion({ '1-10': true, '11-12': false }))
      for (const [, event, sha256, signature] of events) {
        const received = { ...event, hashes: { sha256 }, ...signed(signature) } as Pdu
        assert.equal(verifyEventSignature(received, roomVersion(id)!, key), isTrue, id)
      }
  })

  it('stand under the key id in the name of the entity', () => {
    const example: JsonObject = {
      name: 'example.org',
      signing_keys: { 'ed25519:1': 'XSl0kuyvrXNj6A+7/tkrB9sxSbRi08Of5uRhxOqZtEQ' },
      unsigned: { age_ts: 922834800000 },
      signatures: {
        'example.org': {
          'ed25519:1': 's76RUgajp8w172am0zQb/iPTHsRnb4SkrzGoeCOSFfcBY2V/1c8QfrmdXHpvnc2jK5BD1WiJIxiMW95fMjK7Bw',
        },
      },
    }
    assert.deepEqual(signingKeyIds(example, 'example.org'), ['ed25519:1'])
    assert.ok(decodePublicKey((example.signing_keys as Record<string, string>)['ed25519:1']!))
    const twice = signJson(example, key)
    assert.deepEqual(Object.keys(twice.signatures), ['example.org', 'domain'])
    assert.deepEqual(twice.unsigned, example.unsigned)
    assert.equal(verifyJson(twice, key), true)
  })

  it('of a Policy Server stand beside those of the origin', () => {
    const example = {
      'policy.example.org': {
        'ed25519:policy_server':
          'zLFxllD0pbBuBpfHh8NuHNaICpReF/PAOpUQTsw+bFGKiGfDNAsnhcP7pbrmhhpfbOAxIdLraQLeeiXBryLmBw',
      },
    }
    const event = signEvent(minimal, v1, key)
    const recommended = { ...event, signatures: { ...event.signatures, ...example } }
    assert.deepEqual(signingKeyIds(recommended, 'policy.example.org'), ['ed25519:policy_server'])
    assert.equal(decodeUnpaddedBase64(example['policy.example.org']['ed25519:policy_server'])?.length, 64)
    assert.equal(verifyEventSignature(recommended, v1, key), true)
  })
})

describe('reference hashes', () => {
  // Figures of another implementation, over the minimal event of the specification.
  const event = signEvent(minimal, v1, key)
  const { origin: _, ...withoutOrigin } = event

  it('cite an event with its id in versions 1 and 2', () => {
    const named = { ...event, event_id: '$1:domain' } as Pdu
    for (const [id] of byVersion({ '1-2': true })) {
      const expected = ['$1:domain', { sha256: '/3OX1IfC4kbPgWVduyk554S9gP5Q3m+/MReImY4Q220' }]
      assert.deepEqual(citationOf(named, roomVersion(id)!), expected)
    }
  })

  it('are the id from version 3, in the alphabet of the version', () => {
    const ids = byVersion({
      '3': '$70O/oKlXzFbkfu0KE88USi98DjSWrOELrPj+8tisl8I',
      '4-12': '$70O_oKlXzFbkfu0KE88USi98DjSWrOELrPj-8tisl8I',
    })
    for (const [id, expected] of ids) {
      assert.equal(eventId(withoutOrigin, roomVersion(id)!), expected)
      assert.equal(citationOf(withoutOrigin, roomVersion(id)!), expected)
    }
  })

  it('cover `origin` up to version 10', () => {
    const ids = byVersion({
      '3-10': '$8yif6p8EqgoSten2BLje9ntKm720NyFLWQv9tn8memc',
      '11-12': '$70O_oKlXzFbkfu0KE88USi98DjSWrOELrPj-8tisl8I',
    })
    for (const [id, expected] of ids) assert.equal(eventId(event, roomVersion(id)!), expected)
  })

  it('do not cover signatures and unsigned data', () => {
    for (const version of roomVersions.slice(2))
      assert.equal(eventId({ ...event, signatures: {}, unsigned: {} }, version), eventId(event, version))
  })
})
