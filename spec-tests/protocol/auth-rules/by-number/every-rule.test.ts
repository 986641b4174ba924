import assert from 'node:assert/strict'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { byVersion } from '../../../support/generators/by-version.ts'
import { type Act, member, state } from '../../../support/generators/acts.ts'
import { type RoomSetup, creator, unruledRoom } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { keyOf } from '../../../support/generators/server-keys.ts'
import * as rule from '../../../support/generators/rule-cases.ts'
import { claimFor, offer } from '../../../support/rooms/third-party.ts'

const alice = '@alice:one'
const bob = '@bob:two'
const { by, levelsBy } = rule

/** Every rule that rejects something, by version, as the specification numbers them. */
const rejecting: Record<string, string> = {
  '1-2':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2 5.1 5.2.2 5.2.3 5.2.6 5.3.1.1 5.3.1.2 5.3.1.3 5.3.1.4 5.3.1.5 5.3.1.6 ' +
    '5.3.1.8 5.3.2 5.3.3 5.3.5 5.4.1 5.4.2 5.4.3 5.4.5 5.5.1 5.5.3 5.6 6 7.1 8 9 10.1 10.3.1 10.3.2 10.4.1 10.5.1 10.6.1 ' +
    '10.7.1 11.3',
  '3-5':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2 5.1 5.2.2 5.2.3 5.2.6 5.3.1.1 5.3.1.2 5.3.1.3 5.3.1.4 5.3.1.5 5.3.1.6 ' +
    '5.3.1.8 5.3.2 5.3.3 5.3.5 5.4.1 5.4.2 5.4.3 5.4.5 5.5.1 5.5.3 5.6 6 7.1 8 9 10.1 10.3.1 10.3.2 10.4.1 10.5.1 10.6.1 ' +
    '10.7.1',
  '6':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2.2 4.2.3 4.2.6 4.3.1.1 4.3.1.2 4.3.1.3 4.3.1.4 4.3.1.5 4.3.1.6 4.3.1.8 ' +
    '4.3.2 4.3.3 4.3.5 4.4.1 4.4.2 4.4.3 4.4.5 4.5.1 4.5.3 4.6 5 6.1 7 8 9.1 9.3.1 9.3.2 9.4.1 9.5.1 9.6.1 9.7.1',
  '7':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2.2 4.2.3 4.2.6 4.3.1.1 4.3.1.2 4.3.1.3 4.3.1.4 4.3.1.5 4.3.1.6 4.3.1.8 ' +
    '4.3.2 4.3.3 4.3.5 4.4.1 4.4.2 4.4.3 4.4.5 4.5.1 4.5.3 4.6.1 4.6.2 4.6.4 4.7 5 6.1 7 8 9.1 9.3.1 9.3.2 9.4.1 9.5.1 ' +
    '9.6.1 9.7.1',
  '8-9':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2.1 4.3.2 4.3.3 4.3.5.2 4.3.7 4.4.1.1 4.4.1.2 4.4.1.3 4.4.1.4 4.4.1.5 ' +
    '4.4.1.6 4.4.1.8 4.4.2 4.4.3 4.4.5 4.5.1 4.5.2 4.5.3 4.5.5 4.6.1 4.6.3 4.7.1 4.7.2 4.7.4 4.8 5 6.1 7 8 9.1 9.3.1 ' +
    '9.3.2 9.4.1 9.5.1 9.6.1 9.7.1',
  '10':
    '1.1 1.2 1.3 1.4 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2.1 4.3.2 4.3.3 4.3.5.2 4.3.7 4.4.1.1 4.4.1.2 4.4.1.3 4.4.1.4 4.4.1.5 ' +
    '4.4.1.6 4.4.1.8 4.4.2 4.4.3 4.4.5 4.5.1 4.5.2 4.5.3 4.5.5 4.6.1 4.6.3 4.7.1 4.7.2 4.7.4 4.8 5 6.1 7 8 9.1 9.2 9.3 ' +
    '9.5.1 9.5.2 9.6.1 9.7.1 9.8.1 9.9.1',
  '11':
    '1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2.1 4.3.2 4.3.3 4.3.5.2 4.3.7 4.4.1.1 4.4.1.2 4.4.1.3 4.4.1.4 4.4.1.5 4.4.1.6 ' +
    '4.4.1.8 4.4.2 4.4.3 4.4.5 4.5.1 4.5.2 4.5.3 4.5.5 4.6.1 4.6.3 4.7.1 4.7.2 4.7.4 4.8 5 6.1 7 8 9.1 9.2 9.3 9.5.1 9.5.2 ' +
    '9.6.1 9.7.1 9.8.1 9.9.1',
  '12':
    '1.1 1.2 1.3 1.4 2 3.1 3.2 3.3 3.4 4 5.1 5.2.1 5.3.2 5.3.3 5.3.5.2 5.3.7 5.4.1.1 5.4.1.2 5.4.1.3 5.4.1.4 5.4.1.5 5.4.1.6 ' +
    '5.4.1.8 5.4.2 5.4.3 5.4.5 5.5.1 5.5.2 5.5.3 5.5.5 5.6.1 5.6.3 5.7.1 5.7.2 5.7.4 5.8 6 7.1 8 9 10.1 10.2 10.3 10.4 ' +
    '10.6.1 10.6.2 10.7.1 10.8.1 10.9.1 10.10.1',
}

type Reject = (room: TestRoom) => string | undefined
type Row = [expected: rule.Expectation, reject: Reject, setup?: RoomSetup]

const draft =
  (made: Act | ((room: TestRoom) => Act), levels?: JsonObject): Reject =>
  (room) => {
    if (levels) room.add(state(creator, 'm.room.power_levels', room.levels(levels)))
    return room.rejectedBy(typeof made === 'function' ? made(room) : made)
  }
const opening =
  (change: Partial<Pdu>): Reject =>
  (room) =>
    authorize({ ...room.create, ...change }, room.version, () => undefined)?.rule

const text = by(alice, { type: 'm.room.message' })
const citing =
  (change: (cited: Pdu[], room: TestRoom) => Pdu[]): Reject =>
  (room) =>
    room.citationRejectedBy(text, { authEvents: change(room.authEvents(room.make(text)), room) })

const claim = { mxid: bob, token: 'token' }
const invitedAs =
  (signed: JsonObject | undefined, sender = creator): Reject =>
  (room) => {
    room.add(state(creator, 'm.room.third_party_invite', offer, 'token'))
    return room.rejectedBy(member(sender, bob, 'invite', { third_party_invite: { signed } }))
  }

const low = { users: { [alice]: 50 }, events: { 'm.room.power_levels': 0 } }
const moved = (from: JsonObject, to: JsonObject): Reject =>
  draft(levelsBy(alice, { ...low, ...to }), { ...low, ...from })
const firstLevels = (content: JsonObject): Reject => draft(state(creator, 'm.room.power_levels', content))
const bobIs = (membership: string, more: RoomSetup = {}): RoomSetup => ({
  ...more,
  members: { [alice]: 'join', [bob]: membership },
})
const nameless = { levels: null }

const rows: Row[] = [
  [{ '1-12': '1.1' }, opening({ prev_events: ['$x'] as EventId[] })],
  [{ '1-12': '1.2' }, opening({ room_id: '!room:two' as RoomId })],
  [{ '1-12': '1.3' }, opening({ content: { creator, room_version: '13' } })],
  [{ '1-10': '1.4' }, opening({ content: {} })],
  [{ '12': '1.4' }, opening({ content: { additional_creators: {} } })],
  [{ '12': '2' }, (room) => room.citationRejectedBy(text, { create: room.make(text) })],
  [{ '1-11': '2.1', '12': '3.1' }, citing((cited) => [...cited, cited[0]!])],
  [{ '1-11': '2.2', '12': '3.2' }, citing((cited, room) => [...cited, room.state('m.room.join_rules', '')!])],
  [
    { '1-11': '2.3', '12': '3.3' },
    (room) => room.citationRejectedBy(text, { isRejected: (each) => each !== room.create }),
  ],
  [{ '1-11': '2.4' }, citing((cited, room) => cited.filter((each) => each !== room.create))],
  [{ '1-11': '2.5', '12': '3.4' }, citing((cited) => cited.map((each) => ({ ...each, room_id: '!x:one' as RoomId })))],
  [{ '1-11': '3', '12': '4' }, draft(by(bob, text)), bobIs('join', { create: { 'm.federate': false } })],
  [{ '1-5': '4.1' }, draft({ type: 'm.room.aliases' })],
  [{ '1-5': '4.2' }, draft(state(creator, 'm.room.aliases', {}, 'two'))],
  [rule.chapterRule(5, '.1'), draft({ type: 'm.room.member', state_key: alice })],
  [{ '8-11': '4.2.1', '12': '5.2.1' }, draft(member(bob, bob, 'join', { join_authorised_via_users_server: 'x' }))],

  [rule.joinRule('2'), draft(member(alice, bob, 'join'))],
  [rule.joinRule('3'), draft(member(bob, bob, 'join')), bobIs('ban')],
  [{ '8-11': '4.3.5.2', '12': '5.3.5.2' }, draft(member(bob, bob, 'join')), { joinRule: 'restricted' }],
  [rule.joinRule('6', '7'), draft(member(bob, bob, 'join')), { joinRule: 'invite' }],

  [rule.inviteRule('1.1'), invitedAs(claimFor(bob)), bobIs('ban')],
  [rule.inviteRule('1.2'), invitedAs(undefined)],
  [rule.inviteRule('1.3'), invitedAs({ mxid: bob })],
  [rule.inviteRule('1.4'), invitedAs(claimFor(alice))],
  [rule.inviteRule('1.5'), invitedAs(claimFor(bob, 'other'))],
  [rule.inviteRule('1.6'), invitedAs(claimFor(bob), alice)],
  [rule.inviteRule('1.8'), invitedAs(signJson(claim, keyOf('else.example')))],
  [rule.inviteRule('2'), draft(member(bob, '@c:one', 'invite'))],
  [rule.inviteRule('3'), draft(member(alice, bob, 'invite')), bobIs('join')],
  [rule.inviteRule('5'), draft(member(alice, bob, 'invite'), { invite: 1 })],

  [rule.leaveRule('1'), draft(member(bob, bob, 'leave'))],
  [rule.leaveRule('2'), draft(member(bob, alice, 'leave'))],
  [rule.leaveRule('3'), draft(member(alice, bob, 'leave')), bobIs('ban')],
  [rule.leaveRule('5'), draft(member(alice, bob, 'leave')), bobIs('join')],
  [rule.banRule('1'), draft(member(bob, alice, 'ban'))],
  [rule.banRule('3'), draft(member(alice, bob, 'ban'))],
  [rule.knockRule('1'), draft(member(bob, bob, 'knock'))],
  [rule.knockRule('2'), draft(member(alice, bob, 'knock')), { joinRule: 'knock' }],
  [rule.knockRule('4'), draft(member(bob, bob, 'knock')), bobIs('invite', { joinRule: 'knock' })],
  [rule.unknownMembership, draft(member(alice, alice, 'dance'))],

  [rule.chapterRule(6), draft(by(bob, text))],
  [rule.chapterRule(7, '.1'), draft(state(alice, 'm.room.third_party_invite', {}), { invite: 1 })],
  [rule.chapterRule(8), draft(state(alice, 'm.room.name', {}))],
  [rule.chapterRule(9), draft(state(creator, 'org.example', {}, alice))],

  [{ '10-11': '9.1', '12': '10.1' }, firstLevels({ ban: '50' }), nameless],
  [{ '10-11': '9.2', '12': '10.2' }, firstLevels({ events: [] }), nameless],
  [{ '1-5': '10.1', '6-9': '9.1', '10-11': '9.3', '12': '10.3' }, firstLevels({ users: { alice: 1 } }), nameless],
  [{ '12': '10.4' }, firstLevels({ users: { [creator]: 1 } }), nameless],
  [rule.levelsRule(3, 1), moved({ ban: 51 }, {})],
  [rule.levelsRule(3, 2), moved({}, { ban: 51 })],
  [rule.levelsRule(4, 1), moved({ events: { ...low.events, x: 51 } }, {})],
  [rule.levelsRule(5, 1), moved({}, { events: { ...low.events, x: 51 } })],
  [rule.levelsRule(6, 1), moved({ users: { ...low.users, [bob]: 50 } }, {})],
  [rule.levelsRule(7, 1), moved({}, { users: { ...low.users, [bob]: 51 } })],
  [{ '1-2': '11.3' }, draft(by(alice, { type: 'm.room.redaction', redacts: '$x:two' as EventId, event_id: '$y:one' }))],
]

describe('T12 every rule that rejects', () => {
  for (const [id, numbers] of byVersion(rejecting))
    it(`does so in version ${id}`, () => {
      const found = rows.flatMap(([expected, reject, setup]) => {
        const number = byVersion(expected).get(id)
        if (number === undefined) return []
        assert.equal(reject(unruledRoom(id, { members: { [alice]: 'join' }, ...setup })), number)
        return [number]
      })
      assert.deepEqual(found.sort(), numbers.split(' ').sort())
    })
})
