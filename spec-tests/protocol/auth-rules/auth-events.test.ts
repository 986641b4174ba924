import assert from 'node:assert/strict'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { checkAuthEvents, stateOfAuthEvents, type CitedEvents } from '#protocol/auth-rules/check-auth-events.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { type Act, member, state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'
import type { TestRoom } from '../../support/generators/test-room.ts'

const alice = '@alice:one' as UserId

describe('the selection of auth events', () => {
  const select = (draft: Act, id: string) =>
    authEventKeys({ sender: alice, content: {}, ...draft }, roomVersion(id)!)
      .map(([type, stateKey]) => `${type.replace('m.room.', '')} ${stateKey}`.trim())
      .sort()
  const create = (id: string) => (id === '12' ? [] : ['create'])
  const common = ['power_levels', `member ${alice}`]
  const invited = { signed: { token: 'secret' } }

  const cases: [string, Act, string[]][] = [
    ['a message', { type: 'm.room.message' }, common],
    ['a state event', state(alice, 'm.room.name', {}), common],
    ['a join', member(alice, alice, 'join'), [...common, 'join_rules']],
    ['a knock', member(alice, alice, 'knock'), [...common, 'join_rules']],
    ['an invite', member(alice, '@b:two', 'invite'), [...common, 'join_rules', 'member @b:two']],
    ['a ban', member(alice, '@b:two', 'ban'), [...common, 'member @b:two']],
    ['a leave', member(alice, alice, 'leave'), common],
    [
      'a third-party invite',
      member(alice, '@b:two', 'invite', { third_party_invite: invited }),
      [...common, 'join_rules', 'member @b:two', 'third_party_invite secret'],
    ],
    [
      'a third-party ban',
      member(alice, '@b:two', 'ban', { third_party_invite: invited }),
      [...common, 'member @b:two'],
    ],
  ]
  for (const [name, draft, keys] of cases)
    it(`is right for ${name}`, () => {
      for (const [id] of byVersion({ '1-12': true }))
        assert.deepEqual(select(draft, id), [...keys, ...create(id)].sort())
    })

  it('includes who authorises a join, where rooms may be restricted', () => {
    const join = member(alice, alice, 'join', { join_authorised_via_users_server: '@mod:two' })
    const keys = [...common, 'join_rules']
    for (const [id, more] of byVersion({ '1-7': [], '8-12': ['member @mod:two'] }))
      assert.deepEqual(select(join, id), [...keys, ...more, ...create(id)].sort(), id)
    const ban = member(alice, alice, 'ban', { join_authorised_via_users_server: '@mod:two' })
    assert.deepEqual(select(ban, '12'), [...common].sort())
  })

  it('is empty for the create event', () => {
    for (const [id] of byVersion({ '1-12': true }))
      assert.deepEqual(select(state(creator, 'm.room.create', {}), id), [])
  })
})

describe('T12 the auth events that an event cites', () => {
  const cite = (room: TestRoom, authEvents: Pdu[]): CitedEvents => ({
    authEvents,
    isRejected: () => false,
    ...(room.version.roomIdIsCreateHash ? { create: room.create } : {}),
  })
  const setUp = (id: string) => {
    const room = unruledRoom(id, { members: { [alice]: 'join' } })
    const event = room.make({ type: 'm.room.message', sender: alice })
    return { room, event, cited: cite(room, room.authEvents(event)) }
  }
  const rule = (room: TestRoom, event: Pdu, cited: CitedEvents) => checkAuthEvents(event, room.version, cited)?.rule

  for (const [id, chapter] of byVersion({ '1-11': '2', '12': '3' })) {
    it(`are right when selected by the rules of version ${id}, and then entitle`, () => {
      const { room, event, cited } = setUp(id)
      assert.equal(rule(room, event, cited), undefined)
      assert.equal(authorize(event, room.version, stateOfAuthEvents(cited)), undefined)
    })

    it(`are each of another kind, needed, accepted and of this room in version ${id}`, () => {
      const { room, event, cited } = setUp(id)
      const more = (extra: Pdu): CitedEvents => ({ ...cited, authEvents: [...cited.authEvents, extra] })
      const own = room.state('m.room.member', alice)!
      const foreign = cited.authEvents.map((each) => ({ ...each, room_id: '!other:one' as RoomId }))
      assert.equal(rule(room, event, more(own)), `${chapter}.1`)
      assert.equal(rule(room, event, more(room.state('m.room.join_rules', '')!)), `${chapter}.2`)
      assert.equal(rule(room, event, more(room.state('m.room.member', creator)!)), `${chapter}.2`)
      assert.equal(rule(room, event, more(event)), `${chapter}.2`)
      assert.equal(rule(room, event, { ...cited, isRejected: (each) => each === own }), `${chapter}.3`)
      assert.equal(rule(room, event, { ...cited, authEvents: foreign }), `${chapter}.${id === '12' ? 4 : 5}`)
    })
  }

  it('include the create event up to version 11', () => {
    for (const [id] of byVersion({ '1-11': true })) {
      const { room, event, cited } = setUp(id)
      const authEvents = cited.authEvents.filter(({ type }) => type !== 'm.room.create')
      assert.equal(rule(room, event, { ...cited, authEvents }), '2.4')
    }
  })

  it('do not include the create event from version 12', () => {
    const { room, event, cited } = setUp('12')
    assert.equal(rule(room, event, { ...cited, authEvents: [room.create, ...cited.authEvents] }), '3.2')
  })

  it('T10 belong to a room whose id is that of an accepted create event, from version 12', () => {
    const { room, event, cited } = setUp('12')
    const other = unruledRoom('12', { create: { other: true } })
    const { create: _, ...without } = cited
    assert.equal(rule(room, event, without), '2')
    assert.equal(rule(room, event, { ...cited, create: other.create }), '2')
    assert.equal(rule(room, event, { ...cited, isRejected: (each) => each === room.create }), '2')
    assert.equal(rule(room, { ...event, room_id: other.roomId }, cited), '2')
  })
})
