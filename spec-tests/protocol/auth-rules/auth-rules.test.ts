import assert from 'node:assert/strict'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { type Act, state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'
import { always, checkRules, type RuleCase } from '../../support/generators/rule-cases.ts'

const alice = '@alice:one' as UserId
const bob = '@bob:two' as UserId
const members = { [alice]: 'join', [bob]: 'join' }
const text = (sender: UserId, type = 'm.room.message'): Act => ({ type, sender, content: { body: 'hi' } })

const check = (title: string, cases: RuleCase[]) => checkRules(title, cases, { members })

const opening = (content: object = {}, more: Partial<Act> = {}): Act => ({
  ...state(creator, 'm.room.create', { creator, ...content }),
  room_id: '!room:one',
  prev_events: [],
  ...more,
})

describe('T12 the create event', () => {
  const judge = (id: string, draft: Act, withRoomId = id !== '12') => {
    const room = unruledRoom(id)
    const { room_id: roomId, ...event } = room.make(draft)
    return authorize(withRoomId ? { ...event, room_id: roomId! } : event, room.version, room.state)?.rule
  }

  for (const { id } of roomVersions) {
    it(`may open a room of version ${id}`, () => {
      assert.equal(judge(id, opening()), undefined)
      assert.equal(judge(id, opening({ room_version: id })), undefined)
    })

    it(`comes first in version ${id}, in a known version`, () => {
      assert.equal(judge(id, opening({}, { prev_events: ['$x'] as EventId[] })), '1.1')
      for (const version of ['0', '13', 'org.example', '', null, 12])
        assert.equal(judge(id, opening({ room_version: version })), '1.3')
    })
  }

  it('has a room id of its own server up to version 11, and none after', () => {
    const foreign = opening({}, { room_id: '!room:two' as RoomId })
    for (const [id, rule] of byVersion({ '1-11': '1.2', '12': undefined })) assert.equal(judge(id, foreign), rule)
    assert.equal(judge('12', opening(), true), '1.2')
  })

  it('names its creator up to version 10', () => {
    const nameless = { ...opening(), content: {} }
    for (const [id, rule] of byVersion({ '1-10': '1.4', '11-12': undefined })) assert.equal(judge(id, nameless), rule)
  })

  it('may name more creators from version 12, by valid ids', () => {
    for (const [id] of byVersion({ '1-11': true }))
      assert.equal(judge(id, opening({ additional_creators: 7 })), undefined)
    assert.equal(judge('12', opening({ additional_creators: [alice, '@Historical User:two'] })), undefined)
    for (const broken of [null, 7, alice, {}, [7], ['alice'], [alice, '@x']])
      assert.equal(judge('12', opening({ additional_creators: broken })), '1.4')
  })
})

describe('T12 an event in a room without create event', () => {
  for (const [id, rule] of byVersion({ '1-11': '2.4', '12': '2' }))
    it(`is rejected in version ${id}`, () => {
      const room = unruledRoom(id)
      assert.equal(authorize(room.make(text(creator)), room.version, () => undefined)?.rule, rule)
    })
})

check('rooms closed to federation', [
  {
    it: 'are closed to other servers',
    room: { create: { 'm.federate': false } },
    event: text(bob),
    expect: { '1-11': '3', '12': '4' },
  },
  {
    it: "are open to the creator's server",
    room: { create: { 'm.federate': false } },
    event: text(alice),
    expect: always,
  },
  {
    it: 'are only those that say false',
    room: { create: { 'm.federate': 'false' } },
    event: text(bob),
    expect: always,
  },
])

check('aliases', [
  {
    it: 'have a rule of their own up to version 5: a state key is needed',
    event: { type: 'm.room.aliases', sender: alice },
    expect: { '1-5': '4.1', '6-12': 'allowed' },
  },
  {
    it: "have a rule of their own up to version 5: it is the sender's server",
    event: state(bob, 'm.room.aliases', {}, 'one'),
    expect: { '1-5': '4.2', '6-11': '7', '12': '8' },
  },
  {
    it: 'need neither membership nor level up to version 5',
    event: state('@stranger:three', 'm.room.aliases', {}, 'three'),
    expect: { '1-5': 'allowed', '6-11': '5', '12': '6' },
  },
])

check('what only members may do', [
  { it: 'is to speak', event: text('@stranger:three'), expect: { '1-5': '6', '6-11': '5', '12': '6' } },
  { it: 'is to speak, and they may', event: text(alice), expect: always },
  {
    it: 'is not open to the invited',
    room: { members: { [alice]: 'invite' } },
    event: text(alice),
    expect: { '1-5': '6', '6-11': '5', '12': '6' },
  },
])

check('third-party invites', [
  { it: 'need the invite level', event: state(alice, 'm.room.third_party_invite', {}, 'token'), expect: always },
  {
    it: 'need the invite level and no other',
    levels: { invite: 10, users: { [alice]: 9 } },
    event: state(alice, 'm.room.third_party_invite', {}, 'token'),
    expect: { '1-5': '7.1', '6-11': '6.1', '12': '7.1' },
  },
])

const tooLow = { '1-5': '8', '6-11': '7', '12': '8' }

check('the required level', [
  { it: 'is 50 for state by default', event: state(alice, 'm.room.name', {}), expect: tooLow },
  { it: 'is 0 for messages by default', event: text(alice), expect: always },
  {
    it: 'is 50 for state in rooms without power levels',
    room: { levels: null },
    event: state(alice, 'm.room.name', {}),
    expect: tooLow,
  },
  {
    it: 'is within the reach of the creator in rooms without power levels',
    room: { levels: null },
    event: state(creator, 'm.room.name', {}),
    expect: always,
  },
  {
    it: 'follows state_default',
    levels: { state_default: 0 },
    event: state(alice, 'm.room.name', {}),
    expect: always,
  },
  { it: 'follows events_default', levels: { events_default: 1 }, event: text(alice), expect: tooLow },
  { it: 'follows events', levels: { events: { 'm.sticker': 1 } }, event: text(alice, 'm.sticker'), expect: tooLow },
  {
    it: 'follows events before the defaults',
    levels: { events: { 'm.room.name': 0 } },
    event: state(alice, 'm.room.name', {}),
    expect: always,
  },
  {
    it: 'is reached by users_default',
    levels: { users_default: 50 },
    event: state(alice, 'm.room.name', {}),
    expect: always,
  },
  {
    it: 'may be negative',
    levels: { users_default: -1, events_default: -1 },
    event: text(alice),
    expect: always,
  },
  { it: 'shuts out users below 0', levels: { users: { [alice]: -1 } }, event: text(alice), expect: tooLow },
])

check('state keys', [
  {
    it: 'that are user ids belong to the user',
    levels: { state_default: 0 },
    event: state(alice, 'org.example', {}, bob),
    expect: { '1-5': '9', '6-11': '8', '12': '9' },
  },
  {
    it: "may be one's own",
    levels: { state_default: 0 },
    event: state(alice, 'org.example', {}, alice),
    expect: always,
  },
  {
    it: "that merely begin like a user's are nobody's",
    levels: { state_default: 0 },
    event: state(alice, 'org.example', {}, `${alice}_x`),
    expect: { '1-5': '9', '6-11': '8', '12': '9' },
  },
])

const redaction = (sender: UserId, target: string): Act => ({
  type: 'm.room.redaction',
  sender,
  redacts: target as EventId,
  event_id: `$redaction:${sender.split(':')[1]}` as EventId,
})

check('redactions', [
  { it: 'of events of the same server are free', event: redaction(bob, '$x:two'), expect: { '1-2': 'allowed' } },
  {
    it: 'of events of other servers need the redact level in versions 1 and 2',
    event: redaction(bob, '$x:one'),
    expect: { '1-2': '11.3', '3-12': 'allowed' },
  },
  { it: 'are open at the redact level', event: redaction(creator as UserId, '$x:two'), expect: { '1-2': 'allowed' } },
])
