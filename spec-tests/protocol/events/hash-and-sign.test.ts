import assert from 'node:assert/strict'
import fc from 'fast-check'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, UnsignedPdu } from '#protocol/events/event.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { hashAndSign } from '#protocol/events/hash-and-sign.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { signingKeyFromSeed } from '#protocol/events/signing-key.ts'

const key = signingKeyFromSeed(
  { serverName: 'domain', keyId: 'ed25519:1' },
  'YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1',
)

describe('sealing an event', () => {
  it('does what hashing, signing and naming do one after another, in every room version', () => {
    const content = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)))
    fc.assert(
      fc.property(
        content,
        fc.constantFrom(...roomVersions),
        fc.constantFrom('m.room.member', 'x'),
        (body, version, type) => {
          const event: UnsignedPdu = {
            type,
            sender: '@a:domain',
            room_id: '!r:domain',
            state_key: '@a:domain',
            content: body as JsonObject,
            origin_server_ts: 1,
            depth: 2,
            prev_events: [],
            auth_events: [],
            ...(version.eventIds === 'chosen-by-origin' ? { event_id: '$chosen:domain' } : {}),
          }
          const { pdu, eventId: name, bytes } = hashAndSign(event, version, key)
          assert.deepEqual(pdu, signEvent(event, version, key))
          assert.equal(name, eventId(pdu, version))
          assert.equal(bytes, Buffer.byteLength(canonicalJson(pdu)))
        },
      ),
    )
  })
})
