import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { compileCondition, flattenEvent, type PushContext } from '#protocol/push/push-conditions.ts'
import { compileRuleset, evaluate } from '#protocol/push/push-evaluation.ts'
import { fullRuleset, isRefusal, noUserPushRules, putRule, setRuleEnabled } from '#protocol/push/push-rules.ts'
import type { PushCondition, PushRule, RuleKind, Ruleset } from '#protocol/push/push-ruleset.ts'

const alice = '@alice:test'
const context: PushContext = { memberCount: 3, senderPowerLevel: 0, roomNotificationLevels: {}, displayName: 'Alice' }

const message = (content: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'm.room.message',
  sender: '@bob:test',
  room_id: '!room:test',
  event_id: '$id',
  origin_server_ts: 1,
  content,
  ...more,
})

const holds = (condition: PushCondition, event: JsonObject, more: Partial<PushContext> = {}) =>
  compileCondition(condition)(flattenEvent(event), { ...context, ...more })

describe('push condition', () => {
  describe('event_match', () => {
    const matches = (key: string, pattern: string, event: JsonObject) =>
      holds({ kind: 'event_match', key, pattern }, event)

    it('matches the entire value, ignoring case', () => {
      const topic = (value: JsonObject[string]) => matches('content.topic', 'lunc?*', message({ topic: value }))
      assert.equal(topic('Lunch plans'), true)
      assert.equal(topic('LUNCH'), true)
      assert.equal(topic(' lunch'), false)
      assert.equal(topic('lunc'), false)
      assert.equal(topic(null), false)
    })

    it('matches a part of content.body between word boundaries', () => {
      const body = (value: string, pattern = 'ex*ple') => matches('content.body', pattern, message({ body: value }))
      assert.equal(body('An example event.'), true)
      assert.equal(body('exple'), true)
      assert.equal(body('An exciting triple-whammy'), true)
      assert.equal(body('unexampled'), false)
      assert.equal(body('my_cake', 'cake'), false)
      assert.equal(body('cake9', 'cake'), false)
      assert.equal(body('CAKE!', 'cake'), true)
      assert.equal(body('écake', 'cake'), true)
      assert.equal(matches('content.topic', 'cake', message({ topic: 'the cake' })), false)
    })

    it('does not match what is absent or no string, even by *', () => {
      for (const content of [{}, { body: 1 }, { body: null }, { body: ['a'] }, { body: { a: 'a' } }])
        assert.equal(matches('content.body', '*', message(content)), false)
      assert.equal(matches('state_key', '', message({})), false)
      assert.equal(matches('state_key', '', message({}, { state_key: '' })), true)
      assert.equal(matches('content.body.length', '*', message({ body: 'a' })), false)
    })

    it('follows dotted paths with escapes', () => {
      const event = message({
        'm.relates_to': { rel_type: 'm.thread' },
        'm\\foo': 'bar',
        m: { relates_to: 'nested' },
        'a\\x': 'y',
      })
      assert.equal(matches('content.m\\.relates_to.rel_type', 'm.thread', event), true)
      assert.equal(matches('content.m.relates_to', 'nested', event), true)
      assert.equal(matches('content.m\\\\foo', 'bar', event), true)
      assert.equal(matches('content.a\\x', 'y', event), true)
    })

    it('T05 sees own properties only', () => {
      const event = parseStrictJson('{"type":"a","content":{"__proto__":{"a":"b"}}}') as JsonObject
      assert.equal(matches('content.__proto__.a', 'b', event), true)
      assert.equal(matches('content.constructor.name', '*', event), false)
      assert.equal(matches('__proto__.a', '*', event), false)
    })
  })

  it('event_property_is compares exactly', () => {
    const is = (value: JsonObject[string], actual: JsonObject[string]) =>
      holds({ kind: 'event_property_is', key: 'content.m\\.federate', value }, message({ 'm.federate': actual }))
    assert.equal(is(true, true), true)
    assert.equal(is(true, 'true'), false)
    assert.equal(is(true, 1), false)
    assert.equal(is(null, null), true)
    assert.equal(is(null, undefined), false)
    assert.equal(is('A', 'a'), false)
    assert.equal(is('a*', 'ab'), false)
    assert.equal(is(2 ** 53 - 1, 2 ** 53 - 1), true)
    assert.equal(is(1.5, 1.5), false)
    assert.equal(is({}, {}), false)
    assert.equal(is(undefined, undefined), false)
  })

  it('event_property_contains compares array entries exactly', () => {
    const contains = (value: JsonObject[string], list: JsonObject[string]) =>
      holds({ kind: 'event_property_contains', key: 'content.list', value }, message({ list }))
    assert.equal(contains('#myroom:example.com', ['#somewhere:example.org', '#myroom:example.com']), true)
    assert.equal(contains('#myroom:example.com', [':example.com']), false)
    assert.equal(contains(null, [{}, null]), true)
    assert.equal(contains('a', 'a'), false)
    assert.equal(contains('a', { 0: 'a' }), false)
    assert.equal(contains('a', undefined), false)
  })

  it('contains_display_name takes the name literally, between word boundaries', () => {
    const named = (displayName: string | undefined, body: JsonObject[string]) =>
      holds({ kind: 'contains_display_name' }, message({ body }), { displayName })
    assert.equal(named('Alice', 'hi alice!'), true)
    assert.equal(named('Alice', 'malice'), false)
    assert.equal(named('A*', 'hi alice'), false)
    assert.equal(named('', 'hi'), false)
    assert.equal(named(undefined, 'hi'), false)
    assert.equal(named('Alice', 1), false)
  })

  it('room_member_count understands every comparison', () => {
    const counts = (is: JsonObject[string]) => holds({ kind: 'room_member_count', is }, message({}), { memberCount: 3 })
    for (const is of ['3', '==3', '<4', '>2', '<=3', '>=3', '03']) assert.equal(counts(is), true, is)
    for (const is of ['2', '==4', '<3', '>3', '<=2', '>=4', '', '=3', '!=2', '3.0', ' 3', '-3', 3, null, undefined])
      assert.equal(counts(is), false, String(is))
  })

  it('sender_notification_permission asks for 50 unless the room says otherwise', () => {
    const may = (senderPowerLevel: number, roomNotificationLevels: Record<string, number>, key = 'room') =>
      holds({ kind: 'sender_notification_permission', key }, message({}), { senderPowerLevel, roomNotificationLevels })
    assert.equal(may(50, {}), true)
    assert.equal(may(49, {}), false)
    assert.equal(may(20, { room: 20 }), true)
    assert.equal(may(50, { room: 51 }), false)
    assert.equal(may(Infinity, { room: 2 ** 53 - 1 }), true)
    assert.equal(may(10, { here: 10 }, 'here'), true)
    assert.equal(may(50, {}, 'constructor'), true)
  })

  it('never matches when unknown or incomplete', () => {
    const kinds = ['event_match', 'event_property_is', 'event_property_contains', 'room_member_count']
    for (const kind of [...kinds, 'sender_notification_permission', 'org.example.new', 'constructor', ''])
      assert.equal(holds({ kind }, message({ body: 'a' })), false, kind)
  })
})

const emptyRuleset = (): Ruleset => ({ override: [], content: [], room: [], sender: [], underride: [] })
const rule = (rule_id: string, more: Partial<PushRule> = {}): PushRule => ({
  rule_id,
  default: false,
  enabled: true,
  actions: ['notify'],
  ...more,
})

describe('push evaluation', () => {
  const outcome = (ruleset: Ruleset, event: JsonObject, more: Partial<PushContext> = {}) =>
    evaluate(compileRuleset(ruleset, alice), flattenEvent(event), { ...context, ...more })

  it('tries override, content, room, sender, underride in that order, and within a kind from the first', () => {
    const ids: Record<RuleKind, string> = {
      override: 'o',
      content: 'c',
      room: '!room:test',
      sender: '@bob:test',
      underride: 'u',
    }
    const ruleset = emptyRuleset()
    for (const kind of ['underride', 'sender', 'room', 'content', 'override'] as const) {
      ruleset[kind] = [rule(ids[kind], { pattern: 'hi' }), rule('later', { pattern: 'hi' })]
      assert.equal(outcome(ruleset, message({ body: 'hi' })).ruleId, ids[kind])
    }
  })

  it('passes by disabled rules and rules of other rooms and senders', () => {
    const ruleset = {
      ...emptyRuleset(),
      override: [rule('off', { enabled: false })],
      room: [rule('!other:test'), rule('!room:*')],
      sender: [rule('@carol:test'), rule('@BOB:test')],
      content: [rule('no pattern')],
    }
    assert.deepEqual(outcome(ruleset, message({ body: 'hi' })), { notify: false, highlight: false, actions: [] })
  })

  it('requires all conditions, and none means always', () => {
    const yes: PushCondition = { kind: 'event_match', key: 'type', pattern: 'm.*' }
    const ruleset = {
      ...emptyRuleset(),
      override: [rule('both', { conditions: [yes, { kind: 'new' }] })],
      underride: [rule('always')],
    }
    assert.equal(outcome(ruleset, message({})).ruleId, 'always')
  })

  it('reads the tweaks: a highlight without a value is true, none at all is false', () => {
    const said = (actions: PushRule['actions']) => {
      const { notify, highlight, sound } = outcome(
        { ...emptyRuleset(), override: [rule('a', { actions })] },
        message({}),
      )
      return [notify, highlight, sound]
    }
    assert.deepEqual(said(['notify']), [true, false, undefined])
    assert.deepEqual(said([]), [false, false, undefined])
    assert.deepEqual(said(['notify', { set_tweak: 'highlight' }]), [true, true, undefined])
    assert.deepEqual(said(['notify', { set_tweak: 'highlight', value: false }]), [true, false, undefined])
    assert.deepEqual(said(['notify', { set_tweak: 'sound', value: 'ring' }, { set_tweak: 'x' }]), [true, false, 'ring'])
  })

  it('never notifies of the own events', () => {
    const ruleset = { ...emptyRuleset(), override: [rule('always')] }
    assert.equal(outcome(ruleset, message({}, { sender: alice })).notify, false)
  })

  describe('with the default rules', () => {
    const defaults = fullRuleset(noUserPushRules, alice)
    const ruleFor = (event: JsonObject, more: Partial<PushContext> = {}) => {
      const { notify, highlight, sound, ruleId } = outcome(defaults, event, more)
      return [ruleId, notify, highlight, sound]
    }

    it('tells of messages, loudly between two', () => {
      assert.deepEqual(ruleFor(message({ body: 'hi' })), ['.m.rule.message', true, false, undefined])
      assert.deepEqual(ruleFor(message({}), { memberCount: 2 }), ['.m.rule.room_one_to_one', true, false, 'default'])
      const encrypted = message({}, { type: 'm.room.encrypted' })
      assert.deepEqual(ruleFor(encrypted), ['.m.rule.encrypted', true, false, undefined])
      assert.equal(ruleFor(encrypted, { memberCount: 2 })[0], '.m.rule.encrypted_room_one_to_one')
    })

    it('highlights mentions of the user, and of the room by those who may', () => {
      const mention = message({ body: 'hi', 'm.mentions': { user_ids: ['@carol:test', alice] } })
      assert.deepEqual(ruleFor(mention), ['.m.rule.is_user_mention', true, true, 'default'])
      const room = message({ body: 'hi', 'm.mentions': { room: true } })
      assert.deepEqual(ruleFor(room, { senderPowerLevel: 50 }), ['.m.rule.is_room_mention', true, true, undefined])
      assert.equal(ruleFor(room)[0], '.m.rule.message')
    })

    it('is silent about notices, edits, reactions, member changes and access lists', () => {
      assert.deepEqual(ruleFor(message({ msgtype: 'm.notice' })), ['.m.rule.suppress_notices', false, false, undefined])
      const edit = message({ 'm.relates_to': { rel_type: 'm.replace', event_id: '$a' } })
      assert.deepEqual(ruleFor(edit), ['.m.rule.suppress_edits', false, false, undefined])
      assert.equal(ruleFor(message({}, { type: 'm.reaction' }))[0], '.m.rule.reaction')
      const join = message({ membership: 'join' }, { type: 'm.room.member', state_key: '@bob:test' })
      assert.equal(ruleFor(join)[0], '.m.rule.member_event')
      assert.equal(ruleFor(message({}, { type: 'm.room.server_acl', state_key: '' }))[0], '.m.rule.room.server_acl')
      assert.equal(ruleFor(message({}, { type: 'm.room.topic', state_key: '' }))[0], undefined)
    })

    it('tells of invitations, calls, upgrades and polls', () => {
      const invite = message({ membership: 'invite' }, { type: 'm.room.member', state_key: alice })
      assert.deepEqual(ruleFor(invite), ['.m.rule.invite_for_me', true, false, 'default'])
      assert.deepEqual(ruleFor(message({}, { type: 'm.call.invite' })), ['.m.rule.call', true, false, 'ring'])
      const tombstone = message({}, { type: 'm.room.tombstone', state_key: '' })
      assert.deepEqual(ruleFor(tombstone), ['.m.rule.tombstone', true, true, undefined])
      assert.equal(ruleFor(message({}, { type: 'm.room.tombstone' }))[0], undefined)
      const poll = (moment: string) => message({}, { type: `org.matrix.msc3381.poll.${moment}` })
      assert.deepEqual(ruleFor(poll('response')).slice(0, 2), ['.org.matrix.msc3930.rule.poll_response', false])
      assert.deepEqual(ruleFor(poll('start')).slice(0, 2), ['.org.matrix.msc3930.rule.poll_start', true])
      const end = ruleFor(poll('end'), { memberCount: 2 })
      assert.deepEqual(end, ['.org.matrix.msc3930.rule.poll_end_one_to_one', true, false, 'default'])
    })

    it('is silent altogether with the master rule, above even the own rules', () => {
      const key = { kind: 'override', ruleId: 'mine' }
      const mine = putRule(noUserPushRules, key, { actions: ['notify'], conditions: [] })
      assert.ok(!isRefusal(mine))
      assert.equal(outcome(fullRuleset(mine, alice), message({})).ruleId, 'mine')
      const off = setRuleEnabled(mine, { kind: 'override', ruleId: '.m.rule.master' }, true)
      assert.ok(!isRefusal(off))
      assert.deepEqual(outcome(fullRuleset(off, alice), message({})).ruleId, '.m.rule.master')
      assert.equal(outcome(fullRuleset(off, alice), message({})).notify, false)
    })
  })

  it('T83 bears 1,000 hostile rules on a hostile message', () => {
    const body = 'a '.repeat(15_000)
    const hostile = Array.from({ length: 1000 }, (_, n) => rule(`r${n}`, { pattern: `a*${n}${'?a'.repeat(10)}*b` }))
    assert.equal(outcome({ ...emptyRuleset(), content: hostile }, message({ body })).ruleId, undefined)
  })
})
