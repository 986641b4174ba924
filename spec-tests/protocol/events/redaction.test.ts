import assert from 'node:assert/strict'
import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { mayRedact } from '#protocol/events/redaction-permission.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { member } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'
import type { TestRoom } from '../../support/generators/test-room.ts'

const always = [
  ...['auth_events', 'content', 'depth', 'event_id', 'hashes', 'origin_server_ts', 'prev_events', 'room_id'],
  ...['sender', 'signatures', 'state_key', 'type'],
]
const untilVersion10 = [...always, 'membership', 'origin', 'prev_state']

const full = (type: string, content: JsonObject) =>
  ({
    ...Object.fromEntries(untilVersion10.map((key) => [key, key])),
    unsigned: { age: 1 },
    redacts: '$other',
    age_ts: 1,
    'org.example': 'x',
    type,
    content,
  }) as unknown as Pdu

const contentAfter = (type: string, content: JsonObject, version: string) =>
  redact(full(type, content), roomVersion(version)!).content

describe('redaction', () => {
  for (const [id, kept] of byVersion({ '1-10': untilVersion10, '11-12': always })) {
    it(`keeps the keys of version ${id}`, () => {
      assert.deepEqual(Object.keys(redact(full('x', {}), roomVersion(id)!)).sort(), [...kept].sort())
    })
  }

  const levels = ['ban', 'events', 'events_default', 'kick', 'redact', 'state_default', 'users', 'users_default']
  const rules: { type: string; keys: Record<string, string[]> }[] = [
    { type: 'm.room.message', keys: { '1-12': [] } },
    { type: 'm.room.name', keys: { '1-12': [] } },
    {
      type: 'm.room.member',
      keys: { '1-8': ['membership'], '9-12': ['membership', 'join_authorised_via_users_server'] },
    },
    { type: 'm.room.create', keys: { '1-10': ['creator'] } },
    { type: 'm.room.join_rules', keys: { '1-7': ['join_rule'], '8-12': ['join_rule', 'allow'] } },
    { type: 'm.room.power_levels', keys: { '1-10': levels, '11-12': [...levels, 'invite'] } },
    { type: 'm.room.aliases', keys: { '1-5': ['aliases'], '6-12': [] } },
    { type: 'm.room.history_visibility', keys: { '1-12': ['history_visibility'] } },
    { type: 'm.room.redaction', keys: { '1-10': [], '11-12': ['redacts'] } },
    { type: '__proto__', keys: { '1-12': [] } },
    { type: 'constructor', keys: { '1-12': [] } },
  ]
  const everyKey = [
    ...[
      ...levels,
      'invite',
      'notifications',
      'membership',
      'join_authorised_via_users_server',
      'displayname',
      'reason',
    ],
    ...['creator', 'room_version', 'join_rule', 'allow', 'aliases', 'history_visibility', 'redacts', 'body'],
  ]
  for (const { type, keys } of rules)
    it(`keeps of the content of ${type} what each version says`, () => {
      const content = Object.fromEntries(everyKey.map((key) => [key, key]))
      for (const [id, kept] of byVersion(keys))
        assert.deepEqual(Object.keys(contentAfter(type, content, id)).sort(), [...kept].sort(), `version ${id}`)
    })

  it('keeps all of the create event from version 11', () => {
    const content = { creator: '@a:b', 'm.federate': false, room_version: '11', predecessor: {} }
    assert.deepEqual(contentAfter('m.room.create', content, '11'), content)
    assert.deepEqual(contentAfter('m.room.create', content, '10'), { creator: '@a:b' })
  })

  it('keeps of a third-party invite the signed part, from version 11', () => {
    const kept: [JsonValue, JsonValue | undefined][] = [
      [{ display_name: 'x', signed: { token: 't' } }, { signed: { token: 't' } }],
      [{ signed: null }, { signed: null }],
      // NOTSPEC: "it allows the signed key of the third_party_invite key"; what holds it stays, if empty, in Synapse and ruma.
      [{ display_name: 'x' }, {}],
      [{}, {}],
      ...[null, 7, 'x', []].map((odd): [JsonValue, undefined] => [odd, undefined]),
    ]
    for (const [invite, rest] of kept)
      for (const [id, keeps] of byVersion({ '1-10': false, '11-12': true })) {
        const content = contentAfter('m.room.member', { membership: 'invite', third_party_invite: invite }, id)
        const expected = keeps && rest !== undefined ? { third_party_invite: rest } : {}
        assert.deepEqual(content, { membership: 'invite', ...expected }, `${JSON.stringify(invite)} in ${id}`)
      }
  })

  it('adds nothing that was absent, and changes nothing when done again', () => {
    for (const version of roomVersions) {
      const once = redact({ type: 'm.room.member', content: { membership: 'join', a: 1 } } as unknown as Pdu, version)
      assert.deepEqual(once, { type: 'm.room.member', content: { membership: 'join' } })
      assert.deepEqual(redact(once, version), once)
    }
  })

  it('T05 does not let content reach the prototype', () => {
    const content = JSON.parse('{"__proto__":{"users":1},"users":{"__proto__":5}}') as JsonObject
    assert.equal(JSON.stringify(contentAfter('m.room.power_levels', content, '9')), '{"users":{"__proto__":5}}')
    assert.equal(JSON.stringify(contentAfter('m.room.create', content, '11')), JSON.stringify(content))
  })

  it('T06 copes with nesting of any depth', () => {
    let nested: JsonObject = {}
    for (let i = 0; i < 100_000; i++) nested = { a: nested }
    assert.deepEqual(contentAfter('m.room.message', nested, '12'), {})
  })
})

describe('whether a redaction takes effect', () => {
  const attempt = (version: string, sender: string, level: number) => {
    const room = unruledRoom(version, { members: { '@a:two': 'join', '@b:two': 'join' } })
    const powerLevels = room.make({
      type: 'm.room.power_levels',
      content: room.levels({ users: { [sender]: level } }),
    })
    const target = room.make({ type: 'm.room.message', sender: '@a:two' })
    const redaction = room.make({ type: 'm.room.redaction', sender: sender as `@${string}` })
    const levels = readPowerLevels({ powerLevels, create: room.create }, room.version)
    return mayRedact({ redaction, target, levels }, room.version)
  }

  for (const [id] of byVersion({ '3-12': true }))
    it(`depends on the redact level or the server in version ${id}`, () => {
      assert.equal(attempt(id, '@b:two', 0), true)
      assert.equal(attempt(id, '@c:three', 49), false)
      assert.equal(attempt(id, '@c:three', 50), true)
    })

  it('has been decided by the auth rules in versions 1 and 2', () => {
    assert.equal(attempt('1', '@c:three', 0), true)
    assert.equal(attempt('2', '@c:three', 0), true)
  })

  it('never reaches into another room', () => {
    const [here, there] = [unruledRoom('12'), unruledRoom('12', { create: { other: true } })]
    const levels = readPowerLevels({ powerLevels: undefined, create: here.create }, here.version)
    const redactionOf = (room: TestRoom) =>
      here.make({ type: 'm.room.redaction', content: { redacts: room.idOf(room.create) } })
    const foreign = there.make(member(creator, creator, 'join'))
    assert.equal(mayRedact({ redaction: redactionOf(here), target: foreign, levels }, here.version), false)
    assert.equal(mayRedact({ redaction: redactionOf(there), target: there.create, levels }, here.version), false)
    assert.equal(mayRedact({ redaction: redactionOf(here), target: here.create, levels }, here.version), true)
  })
})
