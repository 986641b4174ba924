import assert from 'node:assert/strict'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { checkEvent } from '#services/federation/receive/check-event.ts'
import type { FindKey } from '#services/remote/server-key.ts'
import { member } from '../../../support/generators/acts.ts'
import { unruledRoom } from '../../../support/generators/opened-room.ts'
import { keyOf } from '../../../support/generators/server-keys.ts'

const server = 'one'
const key = keyOf(server)
const otherKey = { ...keyOf('a second key'), serverName: server, keyId: 'ed25519:other' as const }
const expiredKey = { ...keyOf('a third key'), serverName: server, keyId: 'ed25519:expired' as const }

/** Knows two keys of the server that are in force, one that is not any more, and one of another server. */
const findKey: FindKey = async (name, keyId) => {
  if (name === 'two') return { ...keyOf('two'), validUntil: Infinity }
  if (keyId === expiredKey.keyId) return { ...expiredKey, validUntil: Infinity, expiredAt: 0 }
  const known = [key, otherKey].find((one) => one.keyId === keyId)
  return known && { ...known, validUntil: Infinity }
}

const falseSignature = Buffer.alloc(64, 7).toString('base64').replace(/=+$/, '')

/** `added` stands before the true signature, `after` behind it. */
const withSignatures = (pdu: Pdu, added: Record<string, string>, after: Record<string, string> = {}): Pdu => ({
  ...pdu,
  signatures: { [server]: { ...added, ...pdu.signatures[server], ...after } },
})

const unknownKeys = (count: number, signature = falseSignature) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`ed25519:unknown${index}`, signature]))

describe('the signatures of a received event', () => {
  for (const { id, enforceKeyValidity, restricted } of roomVersions) {
    const room = unruledRoom(id)
    const pdu = room.make({ type: 'm.room.message' })
    const passes = async (event: Pdu) =>
      !('violation' in (await checkEvent(findKey, event as unknown as JsonValue, room)))

    it(`count for nothing under unknown keys, however many, in room version ${id}`, async () => {
      for (const count of [1, 5, 50, 500]) {
        assert.equal(await passes(withSignatures(pdu, unknownKeys(count))), true, `${count}`)
        assert.equal(await passes({ ...pdu, signatures: { [server]: unknownKeys(count) } }), false)
      }
      assert.equal(await passes(withSignatures(pdu, unknownKeys(2000, ''))), true)
      assert.equal(await passes(withSignatures(pdu, { 'x25519:1': 'x', ed25519: 'x', '': 'x' })), true)
    })

    it(`must all be true under known keys, in room version ${id}`, async () => {
      assert.equal(await passes(signEvent({ ...pdu }, room.version, otherKey)), true)
      for (const odd of [falseSignature, '', 'AAAA', '!']) {
        const added = { [otherKey.keyId]: odd }
        assert.equal(await passes(withSignatures(pdu, added)), false, odd)
        assert.equal(await passes(withSignatures(pdu, {}, added)), false, odd)
      }
      const expired = { [expiredKey.keyId]: falseSignature }
      assert.equal(await passes(withSignatures(pdu, expired)), true)
      assert.equal(await passes(signEvent({ ...pdu, signatures: {} }, room.version, expiredKey)), false)
    })

    it(`T27 must be of a key that was in force when the event was sent, in room version ${id}`, async () => {
      const at = pdu.origin_server_ts
      const verdicts: [times: { validUntil: number; expiredAt?: number }, passes: boolean][] = [
        [{ validUntil: at }, true],
        [{ validUntil: at - 1 }, !enforceKeyValidity],
        [{ validUntil: Infinity, expiredAt: at }, true],
        [{ validUntil: Infinity, expiredAt: at - 1 }, false],
        [{ validUntil: at - 1, expiredAt: at }, !enforceKeyValidity],
      ]
      for (const [times, expected] of verdicts) {
        const checked = await checkEvent(async () => ({ ...key, ...times }), pdu as unknown as JsonValue, room)
        assert.equal(!('violation' in checked), expected, JSON.stringify(times))
      }
    })

    // NOTSPEC: by rule 5.2.1 such a join is rejected; the servers in use drop it.
    it(`must include that of the authorising user's server on a join, where rooms may be restricted: ${id}`, async () => {
      const more = { join_authorised_via_users_server: '@mod:two' }
      const whole = room.make(member('@alice:one', '@alice:one', 'join', more))
      const { two: _, ...signatures } = whole.signatures
      const join = { ...whole, signatures }
      assert.equal(await passes(join), !restricted)
      assert.equal(await passes(signEvent(join, room.version, keyOf('two'))), true)
      const forged = { ...join, signatures: { ...join.signatures, two: { 'ed25519:1': falseSignature } } }
      assert.equal(await passes(forged), !restricted)
    })
  }
})
