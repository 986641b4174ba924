import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { hasSignatureOfInvite } from '#protocol/events/third-party-invite.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { type Act, member, state } from '../../support/generators/acts.ts'
import { unruledRoom } from '../../support/generators/opened-room.ts'
import type { TestRoom } from '../../support/generators/test-room.ts'
import { keyOf } from '../../support/generators/server-keys.ts'

const alice = '@alice:one'
const inviter = '@inviter:two' as UserId
const identityServer = keyOf('identity.example')
const stranger = keyOf('stranger.example')
const publicKey = encodePublicKey(identityServer.publicKey)
const claim = { mxid: alice, token: 'token' }
const signed = signJson(claim, identityServer)

const ruleOf = (rule: number) =>
  byVersion({ '1-5': `5.3.1.${rule}`, '6-7': `4.3.1.${rule}`, '8-11': `4.4.1.${rule}`, '12': `5.4.1.${rule}` })
const invite = (thirdParty: JsonObject | null, sender = inviter): Act =>
  member(sender, alice, 'invite', { third_party_invite: thirdParty })

function roomWith(id: string, offer: JsonObject, alicesMembership = 'leave'): TestRoom {
  const room = unruledRoom(id, { members: { [alice]: alicesMembership, [inviter]: 'join' } })
  room.add(state(inviter, 'm.room.third_party_invite', offer, 'token'))
  return room
}

describe('T12 accepting a third-party invite', () => {
  const verdicts: [string, Act, number | undefined, { offer?: JsonObject; membership?: string }?][] = [
    ['is allowed with a signature of the offered key', invite({ signed }), undefined],
    [
      'is allowed with a key of the list',
      invite({ signed }),
      undefined,
      { offer: { public_keys: [{ public_key: publicKey }] } },
    ],
    [
      'is allowed by any of the keys',
      invite({ signed }),
      undefined,
      { offer: { public_key: 'broken', public_keys: [null, {}, { public_key: 7 }, { public_key: publicKey }] } },
    ],
    ['is closed to the banned', invite({ signed }), 1, { membership: 'ban' }],
    ['needs a signed part', invite({}), 2],
    ['needs a signed part that is an object', invite({ signed: 'x' }), 2],
    ['needs to be an object', invite(null), 2],
    ['needs a user', invite({ signed: { token: 'token' } }), 3],
    ['needs a token', invite({ signed: { mxid: alice } }), 3],
    ['needs to be for the invited user', invite({ signed: { ...signed, mxid: '@other:one' } }), 4],
    ['needs an offer in the room', invite({ signed: { ...signed, token: 'other' } }), 5],
    ['needs to come from who made the offer', invite({ signed }, '@creator:one'), 6],
    ['needs a signature', invite({ signed: claim }), 8],
    ['needs a signature of an offered key', invite({ signed: signJson(claim, stranger) }), 8],
    ['needs a true signature', invite({ signed: { ...signed, more: 1 } }), 8],
    ['needs an offer with keys', invite({ signed }), 8, { offer: {} }],
  ]
  for (const [name, draft, rule, { offer = { public_key: publicKey }, membership } = {}] of verdicts)
    it(name, () => {
      for (const [id, expected] of ruleOf(rule ?? 0))
        assert.equal(roomWith(id, offer, membership).rejectedBy(draft), rule && expected, `version ${id}`)
    })

  it('reads keys in the standard and in the URL-safe alphabet', () => {
    const key = Array.from({ length: 50 }, (_, index) => keyOf(`identity${index}.example`)).find((one) => {
      const text = encodePublicKey(one.publicKey)
      return text.includes('+') && text.includes('/')
    })!
    const standard = encodePublicKey(key.publicKey)
    const urlSafe = standard.replaceAll('+', '-').replaceAll('/', '_')
    for (const text of [standard, urlSafe, `${urlSafe}=`])
      for (const offer of [{ public_key: text }, { public_keys: [{ public_key: text }] }])
        for (const { id } of roomVersions)
          assert.equal(roomWith(id, offer).rejectedBy(invite({ signed: signJson(claim, key) })), undefined, text)
  })

  it('finds one true signature among others', () => {
    const both = signJson(signJson(claim, stranger), identityServer)
    assert.equal(hasSignatureOfInvite(both, { public_key: publicKey }), true)
  })

  /** Public keys of others, each another. */
  const othersKeys = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ public_key: encodePublicKey(keyOf(`other${index}`).publicKey) }))

  /** False signatures in front of the true one. */
  const withFalse = (count: number): JsonObject => {
    const added = Array.from({ length: count }, (_, index): [string, string] => [
      `ed25519:false${index}`,
      encodeUnpaddedBase64(Buffer.alloc(64, `${index}`)),
    ])
    return { ...claim, signatures: { 'a.example': Object.fromEntries(added), ...signed.signatures } }
  }

  it('does not depend on the place of the true key or signature', () => {
    for (const { id } of roomVersions) {
      const offer = { public_keys: [...othersKeys(150), { public_key: publicKey }] }
      assert.equal(roomWith(id, offer).rejectedBy(invite({ signed })), undefined, `keys in ${id}`)
      assert.equal(roomWith(id, { public_key: publicKey }).rejectedBy(invite({ signed: withFalse(150) })), undefined)
    }
  })

  it('tries as many keys, or signatures, as fit in an event', () => {
    const most = 1050
    assert.ok(JSON.stringify(othersKeys(most)).length > 64_000)
    assert.equal(hasSignatureOfInvite(signed, { public_keys: [...othersKeys(most), { public_key: publicKey }] }), true)
    assert.ok(JSON.stringify(withFalse(620)).length > 65_000)
    assert.equal(hasSignatureOfInvite(withFalse(620), { public_key: publicKey }), true)
  })

  it('tries no key twice, and nothing that is no key or signature', () => {
    const [other] = othersKeys(1)
    const same = Array.from({ length: 5000 }, () => ({ ...other }))
    const odd = Array.from({ length: 5000 }, (_, index) => ({ public_key: `${index}` }))
    assert.equal(hasSignatureOfInvite(signed, { public_keys: [...same, ...odd, { public_key: publicKey }] }), true)
    const short = Object.fromEntries(odd.map((_, index) => [`ed25519:${index}`, 'AAAA']))
    const signatures = { 'a.example': short, ...signed.signatures }
    assert.equal(hasSignatureOfInvite({ ...claim, signatures }, { public_key: publicKey }), true)
  })

  it('tries a bounded number of pairs', () => {
    const offer = { public_keys: [...othersKeys(500), { public_key: publicKey }] }
    assert.equal(hasSignatureOfInvite(withFalse(500), offer), false)
  })
})
