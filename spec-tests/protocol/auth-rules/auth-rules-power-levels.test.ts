import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { state } from '../../support/generators/acts.ts'
import { type RoomSetup, creator, unruledRoom } from '../../support/generators/opened-room.ts'
import { always, levelsRule } from '../../support/generators/rule-cases.ts'

type ChangeCase = { it: string; from?: JsonObject; to: JsonObject; expect: Record<string, string> }

const mod = '@mod:one' as UserId
const peer = '@peer:one' as UserId
const base = {
  users: { [mod]: 50, [peer]: 50, '@low:one': 10, '@high:one': 60 },
  events: { 'm.room.power_levels': 50 },
}
const merged = (content: JsonObject): JsonObject => ({
  ...base,
  ...content,
  users: { ...base.users, ...(content.users as JsonObject) },
  events: { ...base.events, ...(content.events as JsonObject) },
})

function changeBy(sender: UserId, { from = {}, to }: Pick<ChangeCase, 'from' | 'to'>, id: string): string {
  const room = unruledRoom(id, { members: { [mod]: 'join' } })
  room.add(state(creator, 'm.room.power_levels', room.levels(merged(from))))
  return room.rejectedBy(state(sender, 'm.room.power_levels', room.levels(merged(to)))) ?? 'allowed'
}

describe('T12 changes of power levels by a user at 50', () => {
  const named = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite']
  const cases: ChangeCase[] = [
    { it: 'may be none', to: {}, expect: always },
    ...named.flatMap((name): ChangeCase[] => [
      { it: `may set ${name} to 50`, to: { [name]: 50 }, expect: always },
      { it: `may not set ${name} to 51`, to: { [name]: 51 }, expect: levelsRule(3, 2) },
      { it: `may not lower ${name} from 51`, from: { [name]: 51 }, to: { [name]: 0 }, expect: levelsRule(3, 1) },
      { it: `may not remove ${name} at 51`, from: { [name]: 51 }, to: {}, expect: levelsRule(3, 1) },
      { it: `may leave ${name} at 51`, from: { [name]: 51 }, to: { [name]: 51 }, expect: always },
    ]),
    { it: 'may set a type to 50', to: { events: { x: 50 } }, expect: always },
    { it: 'may not set a type to 51', to: { events: { x: 51 } }, expect: levelsRule(5, 1) },
    {
      it: 'may not lower a type from 51',
      from: { events: { x: 51 } },
      to: { events: { x: 0 } },
      expect: levelsRule(4, 1),
    },
    { it: 'may not remove a type at 51', from: { events: { x: 51 } }, to: {}, expect: levelsRule(4, 1) },
    {
      it: 'may not raise notifications beyond, from version 6',
      to: { notifications: { room: 51 } },
      expect: { ...levelsRule(5, 1), '1-5': 'allowed' },
    },
    {
      it: 'may not lower notifications from beyond, from version 6',
      from: { notifications: { room: 51 } },
      to: {},
      expect: { ...levelsRule(4, 1), '1-5': 'allowed' },
    },
    { it: 'may raise a user to 50', to: { users: { '@low:one': 50 } }, expect: always },
    { it: 'may not raise a user to 51', to: { users: { '@low:one': 51 } }, expect: levelsRule(7, 1) },
    { it: 'may add a user at 50', to: { users: { '@new:one': 50 } }, expect: always },
    { it: 'may not add a user at 51', to: { users: { '@new:one': 51 } }, expect: levelsRule(7, 1) },
    { it: 'may not touch a peer', to: { users: { [peer]: 49 } }, expect: levelsRule(6, 1) },
    { it: 'may not touch a superior', to: { users: { '@high:one': 0 } }, expect: levelsRule(6, 1) },
    { it: 'may lower oneself', to: { users: { [mod]: 49 } }, expect: always },
    { it: 'may not raise oneself', to: { users: { [mod]: 51 } }, expect: levelsRule(7, 1) },
  ]
  for (const { it: name, from, to, expect } of cases)
    it(name, () => {
      for (const [id, expected] of byVersion(expect))
        assert.equal(changeBy(mod, { ...(from ? { from } : {}), to }, id), expected, `version ${id}`)
    })
})

describe('T12 the first power levels', () => {
  const first = (id: string, content: JsonObject, setup: RoomSetup = {}) =>
    unruledRoom(id, { levels: null, ...setup }).rejectedBy(state(creator, 'm.room.power_levels', content)) ?? 'allowed'

  it('may be anything of the right form', () => {
    for (const [id] of byVersion(always)) assert.equal(first(id, { users: { '@a:b': 1000 }, ban: 1000 }), 'allowed')
  })

  it('name users by valid ids', () => {
    for (const [id, rule] of byVersion({ '1-5': '10.1', '6-9': '9.1', '10-11': '9.3', '12': '10.3' })) {
      for (const user of ['', 'alice', '@alice', '@a:', '__proto__', '@a:b:c'])
        assert.equal(first(id, { users: JSON.parse(`{"${user}":1}`) as JsonObject }), rule, `${user} in ${id}`)
      assert.equal(first(id, { users: { '@Historical User:b': 1 } }), 'allowed')
    }
  })

  it('do not name the creators from version 12', () => {
    const create = { additional_creators: ['@other:one'] }
    assert.equal(first('12', { users: { [creator]: 100 } }, { create }), '10.4')
    assert.equal(first('12', { users: { '@other:one': 100 } }, { create }), '10.4')
    assert.equal(first('12', { users: { '@third:one': 100 } }, { create }), 'allowed')
    assert.equal(first('11', { users: { [creator]: 100 } }, { create }), 'allowed')
  })
})

describe('T14 a power level', () => {
  const rules = {
    map: { '10-11': '9.2', '12': '10.2' },
    users: { '1-5': '10.1', '6-9': '9.1', '10-11': '9.3', '12': '10.3' },
  }

  it('is in a map, or the map is missing', () => {
    for (const map of ['events', 'notifications', 'users'])
      for (const value of [null, 7, 'x', []])
        for (const [id, rule] of byVersion(map === 'users' ? rules.users : rules.map)) {
          const room = unruledRoom(id, { levels: null })
          assert.equal(room.rejectedBy(state(creator, 'm.room.power_levels', { [map]: value })), rule)
        }
  })

  it('is never changed to what is no level', () => {
    for (const value of ['x', null, true, {}])
      for (const [id] of byVersion({ '1-9': true })) {
        assert.notEqual(changeBy(mod, { to: { ban: value } }, id), 'allowed')
        assert.notEqual(changeBy(mod, { to: { events: { x: value } } }, id), 'allowed')
      }
  })

  it('counts as unchanged when it is spelled otherwise', () => {
    for (const [id] of byVersion({ '1-9': true }))
      assert.equal(
        changeBy(mod, { from: { ban: 100, users: { [peer]: 50 } }, to: { ban: ' +100', users: { [peer]: '50' } } }, id),
        'allowed',
      )
  })
})
