import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { EventId, ServerName, UserId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import type { KeyId } from '#protocol/events/signing-key.ts'
import { byVersion } from '../../../../support/generators/by-version.ts'
import { findTestKey } from '../../../../support/federation/receive-needs.ts'
import { alice, bob, openScenes, type Scene, type SceneSetup } from '../../../../support/generators/scene.ts'
import { type Act, member, message, state } from '../../../../support/generators/acts.ts'
import { keyOf } from '../../../../support/generators/server-keys.ts'
import { claimFor, offer } from '../../../../support/rooms/third-party.ts'

type Outcomes = Record<string, string>
/** The next event in the room; the guest, of server s2, is another one for each row. */
type NextEvent = (scene: Scene, guest: UserId) => Pdu
type Row = [it: string, event: NextEvent, expected: Outcomes]

const always: Outcomes = { '1-12': 'accepted' }
const never: Outcomes = { '1-12': 'dropped' }

/** One test for each row, over rooms of all versions on one server. */
function check(title: string, rows: readonly Row[], setup: SceneSetup & { first?: Act } = {}): void {
  describe(title, function () {
    this.timeout(20_000)
    let scenes: Scene[] & AsyncDisposable
    before(async () => {
      const versions = roomVersions.map(({ id }) => id)
      scenes = await openScenes(versions, setup)
      if (setup.first) for (const scene of scenes) await scene.send(setup.first)
    })
    after(() => scenes[Symbol.asyncDispose]())

    for (const [index, [name, event, expected]] of rows.entries())
      it(name, async () => {
        const outcomes = byVersion(expected)
        for (const scene of scenes) {
          const { id } = scene.room.version
          const wanted = outcomes.get(id)
          if (wanted === undefined) continue
          scene.server.ctx.findKey = findTestKey
          const pdu = event(scene, `@guest${index}:s2.test`)
          const { outcome, eventId } = await scene.receive(pdu)
          // Check 2 drops what lacks a signature; the auth rule about authorised joins rejects it.
          if (wanted === 'void') assert.match(outcome, /^(dropped|rejected)$/, `version ${id}`)
          else assert.equal(outcome, wanted, `version ${id}`)
          if (outcome === 'accepted') scene.forwardExtremity = scene.room.take(pdu)
          if (pdu.state_key === undefined) continue
          const isHolder = (await scene.entry(pdu.type, pdu.state_key)) === (eventId ?? pdu.event_id ?? '')
          assert.equal(isHolder, wanted === 'accepted', `holder in version ${id}`)
        }
      })
  })
}

type Signer = readonly [server: ServerName, keyId?: KeyId]
const [s0, s1, s2]: [Signer, Signer, Signer] = [['s0.test'], ['s1.test'], ['s2.test']]

/** The act as an event with exactly these signatures. */
const signed =
  (act: Act | ((guest: UserId) => Act), ...signers: Signer[]): NextEvent =>
  (scene, guest) => {
    const { version } = scene.room
    const { event_id: chosen, ...made } = typeof act === 'function' ? act(guest) : act
    // Ids that origins choose are one for all rooms.
    const isNamed = chosen !== undefined && version.eventIds === 'chosen-by-origin'
    const own = isNamed && { event_id: `$${version.id}${chosen.slice(1)}` as EventId }
    const unsigned: Pdu = { ...scene.make({ ...made, ...own }), signatures: {} }
    return signers.reduce((event, signer) => signEvent(event, version, keyOf(...signer)), unsigned)
  }
const named = (act: Act, eventId: string): Act => ({ ...act, event_id: eventId as EventId })

/** One true signature, given out under several key ids. */
const withKeyIds =
  (...keyIds: string[]): NextEvent =>
  (scene, guest) => {
    const pdu = signed(message(bob), s1)(scene, guest)
    const signature = pdu.signatures['s1.test']!['ed25519:1']!
    return { ...pdu, signatures: { 's1.test': Object.fromEntries(keyIds.map((keyId) => [keyId, signature])) } }
  }

check('a received event', [
  ["is signed by its sender's server", signed(message(bob, '1'), s1), always],
  ['needs a signature', signed(message(bob, '2')), never],
  ['needs that of the right server', signed(message(bob, '3'), s0), never],
  ['may have others beside it', signed(message(bob, '4'), s2, s1), always],
  ['needs one over what it says', (...next) => ({ ...signed(message(bob, '5'), s1)(...next), depth: 99 }), never],
  ['needs one in an algorithm that is understood', withKeyIds('rsa:1'), never],
  ['may have one in another algorithm too', withKeyIds('rsa:1', 'ed25519:1'), always],
  ['is signed by the server of its id, up to version 2', signed(named(message(bob), '$a:s0.test'), s1, s0), always],
  [
    'needs that of the server of its id, up to version 2',
    signed(named(message(bob), '$b:s0.test'), s1),
    { '1-2': 'dropped', '3-12': 'accepted' },
  ],
  ['needs more than that of the server of its id', signed(named(message(bob), '$c:s0.test'), s0), never],
  [
    'needs that of the server with the port in its id, up to version 2',
    signed(named(message(bob), '$d:s1.test:1'), s1),
    { '1-2': 'dropped' },
  ],
])

const authorisedBy =
  (who: UserId, membership = 'join') =>
  (guest: UserId): Act =>
    member(guest, guest, membership, { join_authorised_via_users_server: who })

check(
  'a join that a member authorises',
  [
    ["is signed by the member's server", signed(authorisedBy(alice), s2, s0), { '8-12': 'accepted' }],
    ["needs that of the member's server", signed(authorisedBy(alice), s2), { '8-12': 'void' }],
    ['needs that and not another', signed(authorisedBy(alice), s2, s1), { '8-12': 'void' }],
    ["needs that of the joining user's server too", signed(authorisedBy(alice), s0), { '8-12': 'dropped' }],
    [
      'needs one over what it says',
      (...next) => {
        const event = signed(authorisedBy(alice), s2)(...next)
        return {
          ...event,
          signatures: { ...event.signatures, ...signed(authorisedBy(bob), s0)(...next).signatures },
        }
      },
      { '8-12': 'void' },
    ],
  ],
  { joinRule: 'restricted' },
)

check('somebody who is said to authorise', [
  ['means nothing before version 8', signed(authorisedBy(alice), s2), { '1-7': 'accepted', '8-12': 'void' }],
  ['signs also where the room is open', signed(authorisedBy(alice), s2, s0), always],
  [
    'signs also what is no join',
    signed(() => authorisedBy(alice, 'leave')(bob), s1),
    { '1-7': 'accepted', '8-12': 'void' },
  ],
])

const thirdParty =
  (signedFor: (guest: UserId) => JsonObject, { sender = alice, membership = 'invite', eventId = '' } = {}) =>
  (guest: UserId): Act => ({
    ...member(sender, guest, membership, { third_party_invite: { display_name: 'C', signed: signedFor(guest) } }),
    ...(eventId !== '' && { event_id: eventId as EventId }),
  })
const truly = (guest: UserId) => claimFor(guest)
const rejected: Outcomes = { '1-12': 'rejected' }

check(
  'a third-party invite',
  [
    ["is signed by the inviter's server", signed(thirdParty(truly), s0), always],
    ["is signed by the invited user's server", signed(thirdParty(truly, { eventId: '$e:s2.test' }), s2), always],
    [
      'needs no signature but that of the server of its id, up to version 2',
      signed(thirdParty(truly, { eventId: '$f:s0.test' }), s2),
      { '1-2': 'dropped', '3-12': 'accepted' },
    ],
    [
      'is for whom the identity server says',
      signed(
        thirdParty(() => claimFor(bob)),
        s0,
      ),
      rejected,
    ],
    [
      'is signed by the identity server',
      signed(
        thirdParty((mxid) => ({ mxid, token: 'token' })),
        s0,
      ),
      rejected,
    ],
    ['is of the user who made the offer', signed(thirdParty(truly, { sender: bob }), s1), rejected],
    [
      'answers an offer',
      signed(
        thirdParty((guest) => claimFor(guest, 'other')),
        s0,
      ),
      rejected,
    ],
    [
      'is still one when it comes redacted, from version 11',
      (...next) => {
        const event = signed(thirdParty(truly), s2)(...next)
        return { ...event, content: { ...event.content, displayname: 'not hashed' } }
      },
      { '11-12': 'accepted' },
    ],
    ['is no excuse for another membership', signed(thirdParty(truly, { membership: 'ban' }), s2), never],
    ['is no excuse for a plain invite', signed((guest) => member(alice, guest, 'invite'), s2), never],
  ],
  { joinRule: 'invite', first: state(alice, 'm.room.third_party_invite', offer, 'token') },
)

type Ring = (keyId: string, sentAt: number) => number | undefined

/** The event is checked by a key ring that says until when each key is valid; undefined where it has no such key. */
const checkedBy =
  (ring: Ring, event: NextEvent): NextEvent =>
  (scene, guest) => {
    const pdu = event(scene, guest)
    scene.server.ctx.findKey = async (server, keyId) => {
      const key = await findTestKey(server, keyId)
      const validUntil = ring(keyId, pdu.origin_server_ts)
      return key && validUntil !== undefined ? { ...key, validUntil } : undefined
    }
    return pdu
  }
const sinceVersion5: Outcomes = { '1-4': 'accepted', '5-12': 'dropped' }
const byOne = (body: string) => signed(message(bob, body), s1)
const byTwo = (keyId: KeyId) => signed(message(bob, keyId), ['s1.test', keyId], s1)
const otherwise = (before: number | undefined) => (keyId: string) => (keyId === 'ed25519:1' ? Infinity : before)

check('T27 a signing key', [
  ['is good until its last moment', checkedBy((_, sentAt) => sentAt, byOne('1')), always],
  ['is good no later, from version 5', checkedBy((_, sentAt) => sentAt - 1, byOne('2')), sinceVersion5],
  ['may never have been good, from version 5', checkedBy(() => 0, byOne('3')), sinceVersion5],
  ['needs to be known', checkedBy(() => undefined, byOne('4')), never],
  ['that is unknown is skipped', checkedBy(otherwise(undefined), byTwo('ed25519:unknown')), always],
  ['that is over is skipped', checkedBy(otherwise(0), byTwo('ed25519:over')), always],
  ["of the room's Policy Server is skipped", checkedBy(otherwise(undefined), byTwo('ed25519:policy_server')), always],
  [
    "of the room's Policy Server does not stand for the sender's",
    checkedBy(otherwise(undefined), signed(message(bob), ['s1.test', 'ed25519:policy_server'])),
    never,
  ],
])
