import { type Act, member, state } from '../../../support/generators/acts.ts'
import { creator } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import {
  allowedFrom,
  always,
  checkRules,
  joinRule,
  type Expectation,
  type RuleCase,
} from '../../../support/generators/rule-cases.ts'

const alice = '@alice:one'
const bob = '@bob:two'

const joins = (user: string, sender = user) => member(sender, user, 'join')

/** A room of which nothing but the create event is known. */
const atFirst =
  (draft: Act) =>
  (room: TestRoom): Act => {
    room.keepFirst(1)
    return draft
  }

const uninvited = joinRule('6', '7')

checkRules("the creator's first step", [
  {
    it: 'is that of the `creator` in the content up to version 10',
    room: { create: { creator: alice } },
    event: atFirst(joins(alice)),
    expect: { '1-10': 'allowed', '11': '4.3.7', '12': '5.3.7' },
  },
  {
    it: 'is that of the sender from version 11, whatever the content says',
    room: { create: { creator: alice } },
    event: atFirst(joins(creator)),
    expect: allowedFrom(11, uninvited),
  },
  { it: 'may be taken by another', event: atFirst(joins(creator, alice)), expect: always },
  {
    it: 'follows the create event alone',
    event: (room) => atFirst({ ...joins(creator), prev_events: room.references(room.order.slice(0, 2)) })(room),
    expect: uninvited,
  },
  {
    it: 'is over when other events came before',
    event: (room) => {
      room.add(state(creator, 'm.room.join_rules', { join_rule: 'invite' }))
      room.add(member(creator, creator, 'leave'))
      return joins(creator)
    },
    expect: uninvited,
  },
  {
    it: 'is free whatever the state of the room',
    room: { joinRule: 'invite', members: { [creator]: 'ban' } },
    event: (room) => ({ ...joins(creator), prev_events: room.references(room.order.slice(0, 1)) }),
    expect: always,
  },
])

/** Where the rule of restricted rooms, known from a version on, finds nobody who authorises. */
const unauthorised = (first: 8 | 10): Expectation => ({
  '1-5': '5.2.6',
  '6-7': '4.2.6',
  ...(first === 10 && { '8-9': '4.3.7' }),
  [`${first}-11`]: '4.3.5.2',
  '12': '5.3.5.2',
})

const joinRules: [rule: string, forOutsiders: Expectation, forTheExpected: Expectation][] = [
  ['public', always, always],
  ['invite', uninvited, always],
  ['knock', uninvited, allowedFrom(7, uninvited)],
  ['restricted', unauthorised(8), allowedFrom(8, uninvited)],
  ['knock_restricted', unauthorised(10), allowedFrom(10, uninvited)],
  ['private', uninvited, uninvited],
]

checkRules(
  'joining',
  joinRules.flatMap(([rule, forOutsiders, forTheExpected]) => {
    const being = (membership: string, expect: Expectation): RuleCase => ({
      it: `is judged by the join rule ${rule} for one whose membership is ${membership}`,
      room: { joinRule: rule, members: { [alice]: membership } },
      event: joins(alice),
      expect,
    })
    return [
      ...['none', 'leave', 'knock'].map((membership) => being(membership, forOutsiders)),
      ...['invite', 'join'].map((membership) => being(membership, forTheExpected)),
      being('ban', joinRule('3')),
    ]
  }),
)

const authorisers: [who: string, membership: string, level: number, isEnough: boolean][] = [
  ['a member at the invite level', 'join', 50, true],
  ['a member below the invite level', 'join', 49, false],
  ['a member who left', 'leave', 50, false],
  ['somebody invited', 'invite', 50, false],
  ['somebody banned', 'ban', 100, false],
  ['a stranger', 'none', 50, false],
]

for (const [rule, first] of [
  ['restricted', 8],
  ['knock_restricted', 10],
] as const)
  checkRules(`joining under ${rule}`, [
    ...authorisers.map(([who, membership, level, isEnough]): RuleCase => ({
      it: `is ${isEnough ? '' : 'not '}authorised by ${who}`,
      room: { joinRule: rule, members: { [bob]: membership } },
      levels: { invite: 50, users: { [bob]: level } },
      event: member(alice, alice, 'join', { join_authorised_via_users_server: bob }),
      expect: isEnough ? allowedFrom(first, uninvited) : unauthorised(first),
    })),
    {
      it: 'is authorised by a creator above all levels',
      room: { joinRule: rule },
      levels: { invite: 101 },
      event: member(alice, alice, 'join', { join_authorised_via_users_server: creator }),
      expect: { ...unauthorised(first), '12': 'allowed' },
    },
    {
      it: 'is closed to the banned, whoever authorises it',
      room: { joinRule: rule, members: { [alice]: 'ban' } },
      event: member(alice, alice, 'join', { join_authorised_via_users_server: creator }),
      expect: joinRule('3'),
    },
    {
      it: 'needs no authorising user once invited',
      room: { joinRule: rule, members: { [alice]: 'invite', [bob]: 'leave' } },
      event: member(alice, alice, 'join', { join_authorised_via_users_server: bob }),
      expect: allowedFrom(first, uninvited),
    },
  ])

checkRules(
  'the authorising user',
  [null, 7, 'bob', [], {}].flatMap((value): RuleCase[] =>
    ['join', 'invite', 'leave', 'ban'].map((membership) => ({
      it: `is no user as ${JSON.stringify(value)}, and makes a ${membership} void from version 8`,
      room: { members: { [alice]: 'join' } },
      levels: { users: { [alice]: 50 } },
      event: member(alice, membership === 'invite' || membership === 'ban' ? bob : alice, membership, {
        join_authorised_via_users_server: value,
      }),
      expect: { '1-7': 'allowed', '8-11': '4.2.1', '12': '5.2.1' },
    })),
  ),
)
