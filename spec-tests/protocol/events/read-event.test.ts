import assert from 'node:assert/strict'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { readEvent } from '#protocol/events/read-event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { signedTextOf } from '#protocol/events/signatures.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { generateHistory } from '../../support/generators/history-generator.ts'

describe('reading an event of another server', () => {
  for (const version of roomVersions)
    it(`hashes and names it as each is specified by itself, in room version ${version.id}`, () => {
      const { room } = generateHistory({ version, seed: 7, events: 40, signed: true })
      const altered = (pdu: Pdu): Pdu[] => [
        pdu,
        redact(pdu, version),
        { ...pdu, unsigned: { age: 5 } },
        { ...pdu, content: { ...pdu.content, body: 'ä "quoted" text', membership: 'leave' } },
        { ...pdu, signatures: {}, more: { 'zä\u{1f600}': 1, z: [null, true, {}] } } as Pdu,
      ]
      for (const pdu of room.order.flatMap((id) => altered(room.pdu(id)))) {
        const read = readEvent(pdu as unknown as JsonValue, version)
        assert.ok('pdu' in read)
        assert.equal(read.pdu, pdu)
        assert.equal(read.eventId, eventId(pdu, version))
        assert.equal(read.signedText, signedTextOf(pdu, version))
        assert.equal(read.isWhole, hasValidContentHash(pdu))
        assert.equal(read.signedText, signedTextOf(redact(pdu, version), version))
      }
    })
})
