import assert from 'node:assert/strict'
import type { Pdu } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { byVersion } from '../../../support/generators/by-version.ts'
import { type Act, member, state } from '../../../support/generators/acts.ts'
import { unruledRoom } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { always, by, type Expectation } from '../../../support/generators/rule-cases.ts'
import { claimFor, offer, thirdPartyInvite } from '../../../support/rooms/third-party.ts'

const alice = '@alice:one'
const bob = '@bob:two'
const stranger = '@stranger:three'

type Place = [type: string, stateKey: string]
type Case = { it: string; event: Act; more?: Place[]; without?: string; expect: Expectation }

const offerOf = (token: string): Act => state(bob, 'm.room.third_party_invite', offer, token)

/** A room with two offers, where Bob may authorise joins. */
function roomOf(id: string): TestRoom {
  const room = unruledRoom(id, { joinRule: 'restricted', members: { [bob]: 'join' } })
  for (const token of ['token', 'another']) room.add(offerOf(token))
  return room
}

/** The events the selection names, and those at other places or without those of a type. */
function cited(room: TestRoom, { event, more = [], without }: Case): Pdu[] {
  const selected = room.authEvents(room.make(event)).filter(({ type }) => type !== without)
  return [...selected, ...more.map(([type, key]) => room.state(type, key)!)]
}

const unexpected: Expectation = { '1-11': '2.2', '12': '3.2' }
const membership = (user: string): Place => ['m.room.member', user]
const authorisedJoin = member(alice, alice, 'join', { join_authorised_via_users_server: bob })
const rules: Place = ['m.room.join_rules', '']

const cases: Case[] = [
  { it: 'who authorises a join, from version 8', event: authorisedJoin, expect: always },
  {
    it: 'who authorises a join in a version that knows no such thing',
    event: authorisedJoin,
    more: [membership(bob)],
    expect: { '1-7': '2.2' },
  },
  {
    it: 'nobody else who might authorise the join',
    event: authorisedJoin,
    more: [membership('@creator:one')],
    expect: unexpected,
  },
  {
    it: 'nobody who authorises what is no join',
    event: member(bob, bob, 'leave', { join_authorised_via_users_server: '@creator:one' }),
    more: [membership('@creator:one')],
    expect: unexpected,
  },
  { it: 'the third-party invite of the token', event: thirdPartyInvite(bob, alice), expect: always },
  {
    it: 'no third-party invite of another token',
    event: thirdPartyInvite(bob, alice),
    more: [['m.room.third_party_invite', 'another']],
    expect: unexpected,
  },
  {
    it: 'no third-party invite where only another token is claimed',
    event: thirdPartyInvite(bob, alice, claimFor(alice, 'another')),
    more: [['m.room.third_party_invite', 'token']],
    expect: unexpected,
  },
  {
    it: 'no third-party invite for a plain one',
    event: member(bob, alice, 'invite'),
    more: [['m.room.third_party_invite', 'token']],
    expect: unexpected,
  },
  { it: 'no join rules for a leave', event: member(bob, bob, 'leave'), more: [rules], expect: unexpected },
  { it: 'no join rules for a ban', event: member(bob, alice, 'ban'), more: [rules], expect: unexpected },
  { it: 'no join rules for a message', event: by(bob, { type: 'm.room.message' }), more: [rules], expect: unexpected },
  { it: 'the join rules for a knock', event: member(alice, alice, 'knock'), expect: always },
  { it: 'the join rules for an invite', event: member(bob, alice, 'invite'), expect: always },
  {
    it: "nobody's membership but those concerned",
    event: member(bob, alice, 'invite'),
    more: [membership('@creator:one')],
    expect: unexpected,
  },
  // What is missing is nothing to this rule: then the event lacks what would entitle it.
  { it: 'less than it could', event: member(bob, bob, 'leave'), without: 'm.room.power_levels', expect: always },
  { it: 'not even its sender', event: by(bob, { type: 'x' }), without: 'm.room.member', expect: always },
  {
    it: 'the create event, up to version 11',
    event: member(bob, bob, 'leave'),
    without: 'm.room.create',
    expect: { '1-11': '2.4', '12': 'allowed' },
  },
  {
    it: 'no create event, from version 12',
    event: member(bob, bob, 'leave'),
    more: [['m.room.create', '']],
    expect: { '1-11': '2.1', '12': '3.2' },
  },
  {
    it: 'nothing twice',
    event: member(bob, bob, 'leave'),
    more: [membership(bob)],
    expect: { '1-11': '2.1', '12': '3.1' },
  },
  { it: 'the little that a stranger has', event: member(stranger, stranger, 'join'), expect: always },
]

describe('T12 what an event cites', () => {
  for (const one of cases)
    it(`is ${one.it}`, () => {
      for (const [id, expected] of byVersion(one.expect)) {
        const room = roomOf(id)
        const rule = room.citationRejectedBy(one.event, { authEvents: cited(room, one) })
        assert.equal(rule ?? 'allowed', expected, `version ${id}`)
      }
    })

  it('is of the same room and was accepted, each of it', () => {
    for (const [id, [rejected, elsewhere]] of byVersion({ '1-11': ['2.3', '2.5'], '12': ['3.3', '3.4'] })) {
      const room = roomOf(id)
      const event = thirdPartyInvite(bob, alice)
      const authEvents = room.authEvents(room.make(event))
      for (const one of authEvents) {
        const others = authEvents.map((each) => (each === one ? { ...each, room_id: '!other:one' as RoomId } : each))
        assert.equal(room.citationRejectedBy(event, { isRejected: (each) => each === one }), rejected)
        assert.equal(room.citationRejectedBy(event, { authEvents: others }), elsewhere)
      }
    }
  })

  it('is nothing for a create event', () => {
    for (const [id] of byVersion(always)) {
      const room = roomOf(id)
      assert.equal(
        room.citationRejectedBy({ type: 'm.room.create', state_key: '' }, { authEvents: [room.create] }),
        undefined,
      )
    }
  })
})
