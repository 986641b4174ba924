import { member } from '../../../support/generators/acts.ts'
import { type RoomSetup, creator } from '../../../support/generators/opened-room.ts'
import {
  always,
  banRule,
  by,
  checkRules,
  from,
  inviteRule,
  knockRule,
  leaveRule,
  type Expectation,
  type RuleCase,
} from '../../../support/generators/rule-cases.ts'
import { offer, thirdPartyInvite } from '../../../support/rooms/third-party.ts'

const alice = '@alice:one'
const mod = '@mod:two'

/** A room in which the moderator is at 50 and Alice is what the case says, at a level. */
const among = (alices: string, mods = 'join'): RoomSetup => ({ members: { [alice]: alices, [mod]: mods } })
const at = (level: number, alicesLevel = 0) => ({
  ...{ invite: level, kick: level, ban: level },
  users: { [mod]: 50, [alice]: alicesLevel },
})
type Row = [it: string, membership: string, levels: RuleCase['levels'] & object, expect: Expectation]

const cases = (change: string, rows: Row[]): RuleCase[] =>
  rows.map(([it, membership, levels, expect]) => ({
    it,
    room: among(membership),
    levels,
    event: member(mod, alice, change),
    expect,
  }))

checkRules('inviting by a member at 50', [
  ...cases('invite', [
    ['is allowed at exactly the invite level', 'none', at(50), always],
    ['is not allowed below the invite level', 'none', at(51), inviteRule('5')],
    ['reaches whoever knocked', 'knock', at(50), always],
    ['reaches whoever left', 'leave', at(50), always],
    ['may be repeated', 'invite', at(50), always],
    ['reaches users at any level', 'none', at(50, 100), always],
    ['does not reach the joined', 'join', at(50), inviteRule('3')],
    ['does not reach the banned', 'ban', at(50), inviteRule('3')],
  ]),
  ...['leave', 'invite', 'knock', 'ban'].map((membership) => ({
    it: `is over when one's membership is ${membership}`,
    room: among('none', membership),
    event: member(mod, alice, 'invite'),
    expect: inviteRule('2'),
  })),
  { it: 'does not reach oneself', room: among('none'), event: member(mod, mod, 'invite'), expect: inviteRule('3') },
])

const unverified = by(mod, { type: 'm.room.third_party_invite', state_key: 'token', content: offer })

checkRules(
  'a third-party invite',
  [
    ['is good also when the inviter left', among('none', 'leave')],
    ['is good also when the inviter was banned', among('none', 'ban')],
    ['is good also for one who joined', among('join')],
    ['is good also for one who left', among('leave')],
    ['is good below the invite level', among('none')],
    ['is void for the banned', among('ban'), inviteRule('1.1')],
  ].map(([it, room, expect = always]): RuleCase => ({
    it: it as string,
    room: room as RoomSetup,
    levels: { invite: 100 },
    event: (room) => {
      room.add(unverified)
      return thirdPartyInvite(mod, alice)
    },
    expect: expect as Expectation,
  })),
)

checkRules('removing and unbanning by a member at 50', [
  ...cases('leave', [
    ['lifts a ban at both levels', 'ban', at(50), always],
    ['lifts no ban of a user at the same level', 'ban', at(50, 50), leaveRule('5')],
    ['lifts no ban below the ban level', 'ban', { ...at(50), ban: 51 }, leaveRule('3')],
    ['lifts no ban below the kick level', 'ban', { ...at(50), kick: 51 }, leaveRule('5')],
    ['removes at exactly the kick level', 'join', at(50), always],
    ['does not remove below the kick level', 'join', at(51), leaveRule('5')],
    ['asks for no ban level', 'join', { ...at(50), ban: 100 }, always],
    ['removes a user right below', 'join', at(50, 49), always],
    ['does not remove a user at the same level', 'join', at(50, 50), leaveRule('5')],
    ['does not remove a user above', 'join', at(50, 51), leaveRule('5')],
    ['takes back an invite', 'invite', at(50), always],
    ['takes no invite of a user above back', 'invite', at(50, 51), leaveRule('5')],
    ['refuses a knock', 'knock', at(50), always],
    ['reaches whoever left', 'leave', at(50), always],
  ]),
  ...['leave', 'invite', 'knock', 'ban'].map((membership) => ({
    it: `is over when one's membership is ${membership}`,
    room: among('join', membership),
    levels: at(50),
    event: member(mod, alice, 'leave'),
    expect: leaveRule('2'),
  })),
  {
    it: 'is not needed to leave',
    room: among('join'),
    levels: at(99),
    event: member(mod, mod, 'leave'),
    expect: always,
  },
  {
    it: 'does not reach those who have not come, when it is oneself',
    room: among('join', 'none'),
    event: member(mod, mod, 'leave'),
    expect: leaveRule('1'),
  },
])

checkRules('banning by a member at 50', [
  ...cases('ban', [
    ['is allowed at exactly the ban level', 'join', at(50), always],
    ['is not allowed below the ban level', 'join', at(51), banRule('3')],
    ['asks for no kick level', 'join', { ...at(50), kick: 100 }, always],
    ['reaches a user right below', 'join', at(50, 49), always],
    ['does not reach a user at the same level', 'join', at(50, 50), banRule('3')],
    ['does not reach a user above', 'join', at(50, 51), banRule('3')],
    ...['invite', 'knock', 'leave', 'ban', 'none'].map((membership): Row => [
      `reaches one whose membership is ${membership}`,
      membership,
      at(50),
      always,
    ]),
  ]),
  ...['leave', 'invite', 'knock', 'ban'].map((membership) => ({
    it: `is over when one's membership is ${membership}`,
    room: among('join', membership),
    levels: at(50),
    event: member(mod, alice, 'ban'),
    expect: banRule('1'),
  })),
  {
    it: 'does not reach oneself',
    room: among('join'),
    levels: at(50),
    event: member(mod, mod, 'ban'),
    expect: banRule('3'),
  },
  { it: "does not reach a creator's own self", event: member(creator, creator, 'ban'), expect: banRule('3') },
])

checkRules('knocking', [
  ...['none', 'leave', 'knock'].map((membership) => ({
    it: `is open to one whose membership is ${membership}`,
    room: { ...among(membership), joinRule: 'knock' },
    event: member(alice, alice, 'knock'),
    expect: from(7, always),
  })),
  ...['invite', 'join', 'ban'].map((membership) => ({
    it: `is closed to one whose membership is ${membership}`,
    room: { ...among(membership), joinRule: 'knock' },
    event: member(alice, alice, 'knock'),
    expect: knockRule('4'),
  })),
  ...['public', 'invite', 'restricted', 'private'].map((joinRule) => ({
    it: `is closed under the join rule ${joinRule}`,
    room: { ...among('none'), joinRule },
    event: member(alice, alice, 'knock'),
    expect: knockRule('1'),
  })),
  {
    it: 'is nothing one does for another',
    room: { ...among('none'), joinRule: 'knock' },
    event: member(mod, alice, 'knock'),
    expect: knockRule('2'),
  },
])
