import type { JsonObject } from '#protocol/events/event.ts'
import { state } from '../../../support/generators/acts.ts'
import { creator } from '../../../support/generators/opened-room.ts'
import {
  always,
  checkRules,
  levelsBy,
  levelsRule,
  type Expectation,
  type RuleCase,
} from '../../../support/generators/rule-cases.ts'

const mod = '@mod:one'
const peer = '@peer:one'
const most = 2 ** 53 - 1

type Row = [it: string, from: JsonObject, to: JsonObject, expect?: Expectation]

/** Everybody may send power levels; the moderator is at 50. */
const changes = (rows: Row[]): RuleCase[] => {
  const complete = ({ users, events, ...rest }: JsonObject): JsonObject => ({
    ...rest,
    users: { [mod]: 50, ...(users as JsonObject) },
    events: { 'm.room.power_levels': 0, ...(events as JsonObject) },
  })
  return rows.map(([it, from, to, expect = always]) => ({
    it,
    levels: complete(from),
    event: levelsBy(mod, complete(to)),
    expect,
  }))
}
const named = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite']
const fromVersion6 = (rule: Expectation): Expectation => ({ ...rule, '1-5': 'allowed' })

checkRules(
  'power levels changed by a member at 50',
  changes([
    ...named.flatMap((name): Row[] => [
      [`may lose ${name} at 50`, { [name]: 50 }, {}],
      [`may lower ${name} from 50`, { [name]: 50 }, { [name]: -1 }],
      [`may not lose ${name} at 51`, { [name]: 51 }, {}, levelsRule(3, 1)],
      [`may not move ${name} from 51 to 52`, { [name]: 51 }, { [name]: 52 }, levelsRule(3, 1)],
    ]),
    ['may lose a type at 50', { events: { x: 50 } }, {}],
    ['may change a type from 50', { events: { x: 50 } }, { events: { x: 0 } }],
    ['may not lose a type at 51', { events: { x: 51 } }, {}, levelsRule(4, 1)],
    ['may leave a type at 51', { events: { x: 51 } }, { events: { x: 51 } }],
    ['may get a notification at 50', {}, { notifications: { room: 50 } }],
    ['may lose a notification at 50', { notifications: { room: 50 } }, {}],
    ['may not get a notification at 51', {}, { notifications: { x: 51 } }, fromVersion6(levelsRule(5, 1))],
    ['may not lose a notification at 51', { notifications: { x: 51 } }, {}, fromVersion6(levelsRule(4, 1))],
    ['may lose a lower user', { users: { [peer]: 49 } }, {}],
    ['may not lose a peer', { users: { [peer]: 50 } }, {}, levelsRule(6, 1)],
    ['may not lose a superior', { users: { [peer]: 51 } }, {}, levelsRule(6, 1)],
    ['may not raise a peer', { users: { [peer]: 50 } }, { users: { [peer]: 51 } }, levelsRule(6, 1)],
    ['may leave a peer and a superior', { users: { [peer]: 50, '@x:y': 51 } }, { users: { [peer]: 50, '@x:y': 51 } }],
  ]),
  { members: { [mod]: 'join' } },
)

checkRules(
  'power levels',
  [
    {
      it: 'may lose oneself',
      levels: { users: { [mod]: 50 }, state_default: 0 },
      event: levelsBy(mod, { state_default: 0 }),
      expect: always,
    },
    {
      it: 'may lose oneself to a higher default',
      levels: { users: { [mod]: -5 }, users_default: 10, events: { 'm.room.power_levels': -5 } },
      event: levelsBy(mod, { users_default: 10, events: { 'm.room.power_levels': -5 } }),
      expect: always,
    },
    {
      it: 'at the largest number are within the reach of creators from version 12',
      levels: { users: { [mod]: most }, ban: most, events: { x: most } },
      event: levelsBy(creator, { users: { [mod]: 0, [peer]: most }, ban: 0, kick: most }),
      expect: { ...levelsRule(3, 1), '12': 'allowed' },
    },
    {
      it: 'never name the creator from version 12, also when they change',
      levels: { users: { [peer]: 50 } },
      event: state(creator, 'm.room.power_levels', { users: { [creator]: 100, [peer]: 50 } }),
      expect: { '1-11': 'allowed', '12': '10.4' },
    },
    {
      it: 'never name an additional creator from version 12, also when they change',
      room: { create: { additional_creators: [peer] } },
      levels: { ban: 50 },
      event: levelsBy(creator, { users: { [peer]: 50 } }),
      expect: { '1-11': 'allowed', '12': '10.4' },
    },
    {
      it: 'under another state key have the same form',
      levels: { users: { [mod]: 50 } },
      event: levelsBy(mod, { users: { alice: 50 } }, 'key'),
      expect: { '1-5': '10.1', '6-9': '9.1', '10-11': '9.3', '12': '10.3' },
    },
    {
      it: "under another state key are measured by the room's",
      levels: { users: { [mod]: 50 } },
      event: levelsBy(mod, { users: { [mod]: 50, [peer]: 51 } }, 'key'),
      expect: levelsRule(7, 1),
    },
    {
      it: 'under another state key may repeat those of the room',
      levels: { users: { [mod]: 50 } },
      event: levelsBy(mod, { users: { [mod]: 50 } }, 'key'),
      expect: always,
    },
    {
      it: 'under another state key are free in a room that has none',
      room: { levels: null },
      event: levelsBy(creator, { users: { [mod]: 1000 } }, 'key'),
      expect: always,
    },
  ],
  { members: { [mod]: 'join' } },
)
