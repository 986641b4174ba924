import assert from 'node:assert/strict'
import { byVersion } from '../../support/generators/by-version.ts'
import { member, state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'
import {
  always,
  banRule,
  checkRules,
  inviteRule,
  joinRule,
  leaveRule,
  unknownMembership,
} from '../../support/generators/rule-cases.ts'

const alice = '@alice:one'
const bob = '@bob:two'

checkRules('the form of a membership', [
  {
    it: 'needs a state key',
    event: { type: 'm.room.member', content: { membership: 'join' } },
    expect: { '1-5': '5.1', '6-11': '4.1', '12': '5.1' },
  },
  {
    it: 'needs a membership',
    event: state(creator, 'm.room.member', {}, creator),
    expect: { '1-5': '5.1', '6-11': '4.1', '12': '5.1' },
  },
  { it: 'needs a known membership', event: member(creator, creator, 'dance'), expect: unknownMembership },
  {
    it: 'needs a membership that is text',
    event: state(creator, 'm.room.member', { membership: null }, creator),
    expect: unknownMembership,
  },
  {
    it: 'refuses an authorising user who is no user, where rooms may be restricted',
    event: member(alice, alice, 'join', { join_authorised_via_users_server: 'x' }),
    expect: { '1-7': 'allowed', '8-11': '4.2.1', '12': '5.2.1' },
  },
])

checkRules('joining', [
  { it: 'is free in a public room', event: member(alice, alice, 'join'), expect: always },
  { it: 'is nothing one does for another', event: member(creator, alice, 'join'), expect: joinRule('2') },
  {
    it: 'is closed to the banned',
    room: { members: { [alice]: 'ban' } },
    event: member(alice, alice, 'join'),
    expect: joinRule('3'),
  },
  {
    it: 'needs an invite in an invite-only room',
    room: { joinRule: 'invite' },
    event: member(alice, alice, 'join'),
    expect: joinRule('6', '7'),
  },
  {
    it: 'follows an invite',
    room: { joinRule: 'invite', members: { [alice]: 'invite' } },
    event: member(alice, alice, 'join'),
    expect: always,
  },
  {
    it: 'may be repeated by the joined',
    room: { joinRule: 'invite', members: { [alice]: 'join' } },
    event: member(alice, alice, 'join', { displayname: 'Alice' }),
    expect: always,
  },
  {
    it: 'is closed under a rule nobody knows, invite or not',
    room: { joinRule: 'private', members: { [alice]: 'invite' } },
    event: member(alice, alice, 'join'),
    expect: joinRule('6', '7'),
  },
  {
    it: 'follows an invite in a room that takes knocks, where versions know them',
    room: { joinRule: 'knock', members: { [alice]: 'invite' } },
    event: member(alice, alice, 'join'),
    expect: { '1-5': '5.2.6', '6': '4.2.6', '7-12': 'allowed' },
  },
  {
    it: 'does not follow a knock',
    room: { joinRule: 'knock', members: { [alice]: 'knock' } },
    event: member(alice, alice, 'join'),
    expect: { '7': '4.2.6', '8-11': '4.3.7', '12': '5.3.7' },
  },
  {
    it: 'of a restricted room follows an invite, where versions know it',
    room: { joinRule: 'restricted', members: { [alice]: 'invite' } },
    event: member(alice, alice, 'join'),
    expect: { '1-5': '5.2.6', '6-7': '4.2.6', '8-12': 'allowed' },
  },
  {
    it: 'of a restricted room needs somebody to authorise it',
    room: { joinRule: 'restricted' },
    event: member(alice, alice, 'join'),
    expect: { '8-11': '4.3.5.2', '12': '5.3.5.2' },
  },
  {
    it: 'of a restricted room is authorised by a member who may invite',
    room: { joinRule: 'restricted' },
    event: member(alice, alice, 'join', { join_authorised_via_users_server: creator }),
    expect: { '8-12': 'allowed' },
  },
  {
    it: 'of a restricted room is not authorised by somebody outside',
    room: { joinRule: 'restricted', members: { [bob]: 'leave' } },
    event: member(alice, alice, 'join', { join_authorised_via_users_server: bob }),
    expect: { '8-11': '4.3.5.2', '12': '5.3.5.2' },
  },
  {
    it: 'of a restricted room is not authorised by a member who may not invite',
    room: { joinRule: 'restricted', members: { [bob]: 'join' } },
    levels: { invite: 50 },
    event: member(alice, alice, 'join', { join_authorised_via_users_server: bob }),
    expect: { '8-11': '4.3.5.2', '12': '5.3.5.2' },
  },
  {
    it: 'of a restricted room that takes knocks is authorised likewise, from version 10',
    room: { joinRule: 'knock_restricted' },
    event: member(alice, alice, 'join', { join_authorised_via_users_server: creator }),
    expect: { '8-9': '4.3.7', '10-12': 'allowed' },
  },
])

checkRules('inviting', [
  { it: 'is open to members', event: member(creator, alice, 'invite'), expect: always },
  { it: 'is closed to others', event: member(bob, alice, 'invite'), expect: inviteRule('2') },
  {
    it: 'does not reach the joined',
    room: { members: { [alice]: 'join' } },
    event: member(creator, alice, 'invite'),
    expect: inviteRule('3'),
  },
  {
    it: 'does not reach the banned',
    room: { members: { [alice]: 'ban' } },
    event: member(creator, alice, 'invite'),
    expect: inviteRule('3'),
  },
  {
    it: 'needs the invite level',
    room: { members: { [bob]: 'join' } },
    levels: { invite: 1 },
    event: member(bob, alice, 'invite'),
    expect: inviteRule('5'),
  },
])

checkRules('leaving and removing', [
  ...['join', 'invite'].map((membership) => ({
    it: `is free for one whose membership is ${membership}`,
    room: { members: { [alice]: membership } },
    event: member(alice, alice, 'leave'),
    expect: always,
  })),
  {
    it: 'takes back a knock, where versions know them',
    room: { members: { [alice]: 'knock' } },
    event: member(alice, alice, 'leave'),
    expect: { '1-5': '5.4.1', '6': '4.4.1', '7-12': 'allowed' },
  },
  ...['leave', 'ban'].map((membership) => ({
    it: `is nothing for one whose membership is ${membership}`,
    room: { members: { [alice]: membership } },
    event: member(alice, alice, 'leave'),
    expect: leaveRule('1'),
  })),
  {
    it: 'is not for outsiders to ask of others',
    room: { members: { [alice]: 'join' } },
    event: member(bob, alice, 'leave'),
    expect: leaveRule('2'),
  },
  {
    it: 'lifts a ban only at the ban level',
    room: { members: { [alice]: 'ban', [bob]: 'join' } },
    levels: { users: { [bob]: 50 }, ban: 60 },
    event: member(bob, alice, 'leave'),
    expect: leaveRule('3'),
  },
  {
    it: 'lifts a ban only at the kick level too',
    room: { members: { [alice]: 'ban', [bob]: 'join' } },
    levels: { users: { [bob]: 50 }, ban: 50, kick: 60 },
    event: member(bob, alice, 'leave'),
    expect: leaveRule('5'),
  },
  {
    it: 'reaches those below',
    room: { members: { [alice]: 'join', [bob]: 'join' } },
    levels: { users: { [bob]: 50 } },
    event: member(bob, alice, 'leave'),
    expect: always,
  },
  {
    it: 'does not reach those at the same level',
    room: { members: { [alice]: 'join', [bob]: 'join' } },
    levels: { users: { [alice]: 50, [bob]: 50 } },
    event: member(bob, alice, 'leave'),
    expect: leaveRule('5'),
  },
  {
    it: 'does not reach a creator whose level is as high as it gets',
    room: { members: { [alice]: 'join' } },
    levels: { users: { [alice]: 100 } },
    event: member(alice, creator, 'leave'),
    expect: leaveRule('5'),
  },
])

checkRules('banning', [
  {
    it: 'reaches those below',
    room: { members: { [alice]: 'join' } },
    event: member(creator, alice, 'ban'),
    expect: always,
  },
  { it: 'reaches those who never came', event: member(creator, alice, 'ban'), expect: always },
  { it: 'is not for outsiders', event: member(bob, alice, 'ban'), expect: banRule('1') },
  {
    it: 'needs the ban level',
    room: { members: { [bob]: 'join' } },
    levels: { users: { [bob]: 49 } },
    event: member(bob, alice, 'ban'),
    expect: banRule('3'),
  },
  {
    it: 'does not reach those at the same level',
    room: { members: { [bob]: 'join' } },
    levels: { users: { [alice]: 50, [bob]: 50 } },
    event: member(bob, alice, 'ban'),
    expect: banRule('3'),
  },
])

checkRules('knocking', [
  {
    it: 'is open where the room takes knocks, from version 7',
    room: { joinRule: 'knock' },
    event: member(alice, alice, 'knock'),
    expect: { '1-5': '5.6', '6': '4.6', '7-12': 'allowed' },
  },
  {
    it: 'is open in restricted rooms that take knocks, from version 10',
    room: { joinRule: 'knock_restricted' },
    event: member(alice, alice, 'knock'),
    expect: { '7': '4.6.1', '8-9': '4.7.1', '10-12': 'allowed' },
  },
  {
    it: 'is closed elsewhere',
    event: member(alice, alice, 'knock'),
    expect: { '7': '4.6.1', '8-11': '4.7.1', '12': '5.7.1' },
  },
  {
    it: 'is nothing one does for another',
    room: { joinRule: 'knock' },
    event: member(creator, alice, 'knock'),
    expect: { '7': '4.6.2', '8-11': '4.7.2', '12': '5.7.2' },
  },
  ...['ban', 'invite', 'join'].map((membership) => ({
    it: `is nothing for one whose membership is ${membership}`,
    room: { joinRule: 'knock', members: { [alice]: membership } },
    event: member(alice, alice, 'knock'),
    expect: { '7': '4.6.4', '8-11': '4.7.4', '12': '5.7.4' },
  })),
  {
    it: 'may be repeated',
    room: { joinRule: 'knock', members: { [alice]: 'knock' } },
    event: member(alice, alice, 'knock'),
    expect: { '7-12': 'allowed' },
  },
])

describe("T12 the creator's first step", () => {
  for (const [id] of byVersion({ '1-12': true })) {
    it(`needs no join rules in version ${id}, and is nobody else's`, () => {
      const room = unruledRoom(id)
      room.keepFirst(1)
      assert.equal(room.rejectedBy(member(creator, creator, 'join')), undefined)
      assert.notEqual(room.rejectedBy(member(alice, alice, 'join')), undefined)
    })
  }

  it('is the sender of the create event, not its additional creators', () => {
    const room = unruledRoom('12', { create: { additional_creators: [alice] } })
    room.keepFirst(1)
    assert.equal(room.rejectedBy(member(alice, alice, 'join')), '5.3.7')
  })

  it('is over when other events came before', () => {
    const room = unruledRoom('11')
    room.keepFirst(2)
    room.add(state(creator, 'm.room.join_rules', { join_rule: 'invite' }))
    room.add(member(creator, creator, 'leave'))
    assert.equal(room.rejectedBy(member(creator, creator, 'join')), '4.3.7')
  })
})
