import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { defaultPowerLevels, readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { joinRuleOf, roomsThatAdmit } from '#protocol/rooms/restricted-join.ts'
import { creatorsOf } from '#protocol/rooms/room-creators.ts'
import { defaultRoomVersion, roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { strippedStateTypes, toStrippedState } from '#protocol/events/stripped-state.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { member, state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'
import type { UserId } from '#protocol/ids.ts'

function levelsOf(id: string, content?: JsonObject, create: JsonObject = {}) {
  const room = unruledRoom(id, { create })
  return readPowerLevels({ powerLevels: content && { content }, create: room.create }, room.version)
}

describe('power levels', () => {
  for (const { id } of roomVersions) {
    it(`have defaults in version ${id} without and with an event`, () => {
      for (const levels of [levelsOf(id), levelsOf(id, {})]) {
        const { ban, kick, redact, invite, notifications } = levels
        assert.deepEqual(
          { ban, kick, redact, invite, notifications },
          { ban: 50, kick: 50, redact: 50, invite: 0, notifications: { room: 50 } },
        )
        assert.equal(levels.required('x', true), 50)
        assert.equal(levels.required('x', false), 0)
        assert.equal(levels.ofUser('@a:b'), 0)
      }
    })

    it(`say in version ${id} what the event says`, () => {
      const levels = levelsOf(id, {
        ...{ ban: 1, kick: 2, redact: 3, invite: 4, users_default: 5, state_default: 6, events_default: 7 },
        ...{ users: { '@a:b': 8 }, events: { x: 9 }, notifications: { room: 10 } },
      })
      assert.deepEqual([levels.ban, levels.kick, levels.redact, levels.invite], [1, 2, 3, 4])
      assert.deepEqual([levels.ofUser('@a:b'), levels.ofUser('@c:d')], [8, 5])
      assert.deepEqual([levels.required('x', true), levels.required('y', true), levels.required('y', false)], [9, 6, 7])
      assert.equal(levels.notifications.room, 10)
    })
  }

  it('put the creator at 100 only while there is no event, up to version 11', () => {
    for (const [id] of byVersion({ '1-11': true })) {
      assert.equal(levelsOf(id).ofUser(creator), 100)
      assert.equal(levelsOf(id, {}).ofUser(creator), 0)
    }
  })

  it('put all creators above everything from version 12', () => {
    const more = { additional_creators: ['@second:two'] }
    for (const content of [undefined, {}, { users_default: -5 }]) {
      const levels = levelsOf('12', content, more)
      assert.equal(levels.ofUser(creator), Infinity)
      assert.equal(levels.ofUser('@second:two'), Infinity)
      assert.equal(levelsOf('11', content, more).ofUser('@second:two'), content?.users_default ?? 0)
    }
  })

  it('T14 read strings before version 10 and cut off fractions before version 6', () => {
    const content = { ban: ' +0070 ', kick: 60.9, redact: -1.5 }
    for (const [id, expected] of byVersion({ '1-5': [70, 60, -1], '6-9': [70, 50, 50], '10-12': [50, 50, 50] })) {
      const { ban, kick, redact } = levelsOf(id, content)
      assert.deepEqual([ban, kick, redact], expected, id)
    }
  })

  it('T14 may be strings between what Unicode calls white space, and nothing else', () => {
    const spaces = [0x9, 0xa, 0xb, 0xc, 0xd, 0x20, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]
    const quads = Array.from({ length: 11 }, (_, index) => 0x2000 + index)
    const others = [0x0, 0x8, 0xe, 0x1c, 0x1d, 0x1e, 0x1f, 0x180e, 0x200b, 0x2060, 0xfeff]
    for (const [id, isRead] of byVersion({ '1-9': true, '10-12': false }))
      for (const code of [...spaces, ...quads, ...others]) {
        const space = String.fromCodePoint(code)
        const expected = isRead && !others.includes(code) ? -70 : 50
        for (const text of [`${space}-70`, `-70${space}`, `${space}${space}-70${space}`])
          assert.equal(levelsOf(id, { ban: text }).ban, expected, `${code.toString(16)} in ${id}`)
      }
  })

  it('T14 have their defaults where the event is malformed', () => {
    for (const { id } of roomVersions)
      for (const odd of [null, true, [], {}, 'x', 2 ** 53]) {
        const content = { ban: odd, users_default: odd, users: odd, events: odd, notifications: odd }
        const levels = levelsOf(id, content)
        assert.equal(levels.ban, 50)
        assert.equal(levels.ofUser('@a:b'), 0)
        assert.equal(levels.required('x', true), 50)
        assert.equal(levels.notifications.room, 50)
      }
  })

  it('T05 are not inherited', () => {
    const levels = levelsOf('12', { users: {}, events: {} })
    assert.equal(levels.ofUser('constructor' as UserId), 0)
    assert.equal(levels.required('__proto__', true), 50)
  })

  it('start so that the creator may do everything and the rules accept them', () => {
    for (const version of roomVersions) {
      const room = unruledRoom(version.id, { levels: null })
      const content = defaultPowerLevels(creator, version)
      assert.equal(room.rejectedBy(state(creator, 'm.room.power_levels', content)), undefined)
      const levels = readPowerLevels({ powerLevels: { content }, create: room.create }, version)
      assert.ok(levels.ofUser(creator) >= levels.required('m.room.tombstone', true))
    }
  })
})

describe('room versions', () => {
  it('are 1 to 12, the newest being the default', () => {
    assert.deepEqual(
      roomVersions.map(({ id }) => id),
      ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'],
    )
    assert.equal(roomVersion(defaultRoomVersion)?.id, '12')
    for (const id of ['', '0', '13', '01', '__proto__', 'constructor']) assert.equal(roomVersion(id), undefined)
  })

  it('T10 differ where the specification says so', () => {
    const since = (holds: (id: string) => boolean) => roomVersions.find(({ id }) => holds(id))?.id
    assert.equal(
      since((id) => roomVersion(id)!.stateResolution === 'v2'),
      '2',
    )
    assert.equal(
      since((id) => roomVersion(id)!.stateResolution === 'v2.1'),
      '12',
    )
    assert.equal(
      since((id) => roomVersion(id)!.eventFormat === 'v3'),
      '3',
    )
    assert.equal(
      since((id) => roomVersion(id)!.enforceKeyValidity),
      '5',
    )
    assert.equal(
      since((id) => roomVersion(id)!.enforceCanonicalJson),
      '6',
    )
    assert.equal(
      since((id) => roomVersion(id)!.knock),
      '7',
    )
    assert.equal(
      since((id) => roomVersion(id)!.restricted),
      '8',
    )
    assert.equal(
      since((id) => roomVersion(id)!.knockRestricted),
      '10',
    )
    assert.equal(
      since((id) => roomVersion(id)!.redactsInContent),
      '11',
    )
  })

  it('say who created a room', () => {
    const create = { sender: '@s:b', content: { creator: '@c:b', additional_creators: ['@d:b', 7] } } as const
    const event = { ...create, content: { ...create.content, additional_creators: ['@d:b', 7] } }
    for (const [id, creators] of byVersion({ '1-10': ['@c:b'], '11': ['@s:b'], '12': ['@s:b', '@d:b'] }))
      assert.deepEqual(creatorsOf(event, roomVersion(id)!), creators)
  })
})

describe('join rules', () => {
  it('are invite when nothing else is said', () => {
    assert.equal(joinRuleOf(undefined), 'invite')
    assert.equal(joinRuleOf({ content: {} }), 'invite')
    assert.equal(joinRuleOf({ content: { join_rule: 'public' } }), 'public')
    for (const odd of [7, null, [], {}]) assert.equal(joinRuleOf({ content: { join_rule: odd } }), undefined)
  })

  it('T12 admit nobody, not even the invited, where they are no text', () => {
    const alice = '@alice:one'
    const otherwise = byVersion({ '1-5': '5.2.6', '6-7': '4.2.6', '8-11': '4.3.7', '12': '5.3.7' })
    for (const [id, rule] of otherwise)
      for (const membership of ['invite', 'join'])
        for (const content of [...[7, null, [], {}].map((odd) => ({ join_rule: odd })), {}]) {
          const room = unruledRoom(id, { members: { [alice]: membership } })
          room.add(state(creator, 'm.room.join_rules', content))
          // A room that does not say is open to the invited.
          const expected = 'join_rule' in content ? rule : undefined
          assert.equal(room.rejectedBy(member(alice, alice, 'join')), expected, `${JSON.stringify(content)} in ${id}`)
        }
  })

  it('admit the members of the rooms they name, each once', () => {
    const room = (room_id: string) => ({ type: 'm.room_membership', room_id })
    const allow = [room('!a:b'), room('!a:b'), room('!c:d'), { type: 'other', room_id: '!e:f' }, room('x'), null, 7]
    assert.deepEqual(roomsThatAdmit({ allow }), ['!a:b', '!c:d'])
    for (const odd of [null, 'x', {}]) assert.deepEqual(roomsThatAdmit({ allow: odd }), [])
    assert.deepEqual(roomsThatAdmit({}), [])
  })
})

describe('stripped state', () => {
  it('holds four keys and nothing else', () => {
    const room = unruledRoom('12')
    const { type, sender, content } = room.create
    assert.deepEqual(toStrippedState(room.create), { type, sender, state_key: '', content })
    assert.ok(strippedStateTypes.includes('m.room.create'))
  })
})
