import assert from 'node:assert/strict'
import { compileEventFilter, compileFilter, compileRoomEventFilter, maxEventLimit } from '#protocol/filters/filter.ts'
import { filterViolation, maxFilterEntries, roomEventFilterViolation } from '#protocol/filters/filter-violation.ts'

const message = { type: 'm.room.message', sender: '@alice:test' as const, content: { body: 'hi' } }

describe('filter', () => {
  it('lets everything through when empty, with the defaults of the specification', () => {
    const filter = compileFilter({})
    for (const section of [filter.accountData, filter.presence, filter.ephemeral, filter.state, filter.timeline]) {
      assert.equal(section.matches(message), true)
      assert.equal(section.matches({ type: 'm.typing' }), true)
      assert.equal(section.matchesNothing, false)
    }
    assert.equal(filter.matchesRoom('!any:test'), true)
    assert.equal(filter.eventFormat, 'client')
    assert.equal(filter.eventFields, undefined)
    assert.equal(filter.includeLeave, false)
    assert.equal(filter.timeline.lazyLoadMembers, false)
    assert.equal(filter.timeline.includeRedundantMembers, false)
    assert.equal(filter.timeline.unreadThreadNotifications, false)
  })

  it('lets an exclusion win over an inclusion', () => {
    const filter = compileRoomEventFilter({
      types: ['m.room.message', 'm.reaction'],
      not_types: ['m.reaction'],
      senders: ['@alice:test', '@bob:test'],
      not_senders: ['@bob:test'],
      rooms: ['!a:test', '!b:test'],
      not_rooms: ['!b:test'],
    })
    assert.equal(filter.matches(message), true)
    assert.equal(filter.matches({ ...message, type: 'm.reaction' }), false)
    assert.equal(filter.matches({ ...message, type: 'm.sticker' }), false)
    assert.equal(filter.matches({ ...message, sender: '@bob:test' }), false)
    assert.equal(filter.matches({ ...message, sender: '@carol:test' }), false)
    assert.deepEqual((['!a:test', '!b:test', '!c:test'] as const).map(filter.matchesRoom), [true, false, false])
  })

  it('takes an empty list to include nothing', () => {
    assert.equal(compileEventFilter({ types: [] }).matches(message), false)
    assert.equal(compileEventFilter({ senders: [] }).matches(message), false)
    assert.equal(compileRoomEventFilter({ rooms: [] }).matchesRoom('!a:test'), false)
    assert.equal(compileEventFilter({ types: [] }).matchesNothing, true)
    assert.equal(compileEventFilter({ not_types: ['*'] }).matchesNothing, true)
    assert.equal(compileRoomEventFilter({ rooms: [] }).matchesNothing, true)
    assert.equal(compileEventFilter({ not_types: [] }).matches(message), true)
  })

  const wildcards: [pattern: string, type: string, matches: boolean][] = [
    ['*', '', true],
    ['*', 'm.room.message', true],
    ['m.room.*', 'm.room.message', true],
    ['m.room.*', 'm.room.', true],
    ['m.room.*', 'm.room', false],
    ['*.message', 'm.room.message', true],
    ['m.*.message', 'm.room.message', true],
    ['m.*.message', 'm.message', false],
    ['m*m*m', 'mm', false],
    ['m*m*m', 'mmm', true],
    ['m**e', 'me', true],
    ['a*b*c', 'axbxbxc', true],
    ['a*ab', 'ab', false],
    ['m.room.messag?', 'm.room.message', false],
    ['m.room.[a-z]*', 'm.room.message', false],
    ['m_room_message', 'm.room.message', false],
    ['m.ROOM.*', 'm.room.message', false],
  ]
  for (const [pattern, type, matches] of wildcards)
    it(`${matches ? 'matches' : 'does not match'} ${type || 'the empty type'} by ${pattern}`, () => {
      assert.equal(compileEventFilter({ types: [pattern] }).matches({ type }), matches)
      assert.equal(compileEventFilter({ not_types: [pattern] }).matches({ type }), !matches)
    })

  it('takes contains_url for the presence of a url key in the content', () => {
    const image = { ...message, content: { url: 'mxc://test/a' } }
    assert.deepEqual([message, image].map(compileRoomEventFilter({ contains_url: true }).matches), [false, true])
    assert.deepEqual([message, image].map(compileRoomEventFilter({ contains_url: false }).matches), [true, false])
    assert.deepEqual([message, image].map(compileRoomEventFilter({}).matches), [true, true])
  })

  it('T86 clamps the limit', () => {
    assert.equal(compileEventFilter({ limit: 3 }).limit, 3)
    assert.equal(compileEventFilter({ limit: 0 }).limit, 0)
    assert.equal(compileEventFilter({ limit: 2 ** 31 }).limit, maxEventLimit)
    assert.equal(compileEventFilter({ limit: 2 ** 53 - 1 }).limit, maxEventLimit)
  })

  it('hands on what the caller has to do', () => {
    const filter = compileFilter({
      event_fields: ['content.body'],
      event_format: 'federation',
      room: {
        include_leave: true,
        not_rooms: ['!b:test'],
        state: { lazy_load_members: true, include_redundant_members: true },
        timeline: {
          unread_thread_notifications: true,
          related_by_rel_types: ['m.thread'],
          related_by_senders: ['@a:b'],
        },
      },
    })
    assert.deepEqual(filter.eventFields, ['content.body'])
    assert.equal(filter.eventFormat, 'federation')
    assert.equal(filter.includeLeave, true)
    assert.equal(filter.matchesRoom('!b:test'), false)
    assert.equal(filter.state.lazyLoadMembers && filter.state.includeRedundantMembers, true)
    assert.equal(filter.timeline.lazyLoadMembers, false)
    assert.equal(filter.timeline.unreadThreadNotifications, true)
    assert.deepEqual(filter.timeline.relatedByRelTypes, ['m.thread'])
    assert.deepEqual(filter.timeline.relatedBySenders, ['@a:b'])
  })
})

describe('filterViolation', () => {
  it('accepts what the specification shows, unknown keys, and room ids of version 12', () => {
    const hashed = '!' + 'a'.repeat(43)
    const filter = {
      event_fields: ['type', 'content', 'sender'],
      event_format: 'client',
      presence: { not_senders: ['@alice:example.com'], types: ['m.presence'] },
      room: {
        ephemeral: { not_rooms: ['!726s6s6q:example.com', hashed], types: ['m.receipt', 'm.typing'] },
        timeline: { limit: 10, 'org.example.new': [1] },
      },
    }
    assert.equal(filterViolation(filter), undefined)
    assert.equal(filterViolation({}), undefined)
  })

  const bad: [what: string, filter: unknown][] = [
    ['no object', []],
    ['null', null],
    ['a section that is no object', { presence: 'none' }],
    ['a list that is no list', { presence: { not_senders: {} } }],
    ['a sender that is no user id', { presence: { senders: ['not_a_user_id'] } }],
    ['a sender without a server', { room: { timeline: { not_senders: ['@alice'] } } }],
    ['a room that is no room id', { room: { rooms: ['not_a_room_id'] } }],
    ['a room alias', { room: { timeline: { rooms: ['#lounge:test'] } } }],
    ['a type that is no string', { room: { state: { types: [1] } } }],
    ['an unknown event format', { event_format: 'xml' }],
    ['a limit below zero', { room: { timeline: { limit: -1 } } }],
    ['a limit with a fraction', { room: { timeline: { limit: 1.5 } } }],
    ['a limit that is a string', { room: { timeline: { limit: '10' } } }],
    ['a flag that is no boolean', { room: { state: { lazy_load_members: 'yes' } } }],
    ['too many entries', { presence: { types: Array.from({ length: maxFilterEntries + 1 }, () => 'a*') } }],
  ]
  for (const [what, filter] of bad) it(`refuses ${what}`, () => assert.equal(typeof filterViolation(filter), 'string'))

  it('N33 takes null as absent, wherever it stands', () => {
    const filter = { event_fields: null, presence: null, room: { rooms: null, timeline: { types: null, limit: null } } }
    assert.equal(filterViolation(filter), undefined)
    const { eventFields, timeline } = compileFilter(filter as never)
    assert.equal(eventFields, undefined)
    assert.ok(timeline.limit > 0 && timeline.matches({ type: 'm.room.message', sender: '@a:b' }))
  })

  it('says where the mistake is', () => {
    assert.match(filterViolation({ room: { timeline: { limit: -1 } } }) ?? '', /room\.timeline\.limit/)
  })

  it('checks the filter of a single room alike', () => {
    assert.equal(roomEventFilterViolation({ types: ['m.room.*'], contains_url: true }), undefined)
    assert.equal(typeof roomEventFilterViolation({ contains_url: 1 }), 'string')
  })
})
