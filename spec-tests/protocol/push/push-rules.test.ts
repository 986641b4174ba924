import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import { maxPatternLength, type RuleBody } from '#protocol/push/push-rule-check.ts'
import {
  deleteRule,
  findRule,
  fullRuleset,
  isRefusal,
  noUserPushRules,
  putRule,
  setRuleActions,
  setRuleEnabled,
  type Neighbours,
  type Refusal,
  type UserPushRules,
} from '#protocol/push/push-rules.ts'
import { exceeds } from '#protocol/push/rule-budget.ts'

const alice = '@alice:test'
const override = (ruleId: string) => ({ kind: 'override', ruleId })
const content = (ruleId: string) => ({ kind: 'content', ruleId })
const notify: RuleBody = { actions: ['notify'] }

const accepted = (outcome: UserPushRules | Refusal): UserPushRules => {
  if (isRefusal(outcome)) assert.fail(outcome.message)
  return outcome
}
const refusal = (outcome: UserPushRules | Refusal) => (isRefusal(outcome) ? outcome.refused : 'accepted')
const withRules = (...ids: string[]) =>
  ids.reduceRight((rules, id) => accepted(putRule(rules, override(id), notify)), noUserPushRules)
const order = (rules: UserPushRules) => rules.own.override.map((rule) => rule.rule_id)
const putAt = (rules: UserPushRules, id: string, where: Neighbours) =>
  putRule(rules, override(id), { ...notify, ...where })

describe('push rules of a user', () => {
  it('merge into the default rules: own ones after the master rule and before the others', () => {
    const rules = accepted(putRule(withRules('a', 'b'), { kind: 'underride', ruleId: 'u' }, notify))
    const full = fullRuleset(rules, alice)
    const ids = full.override.map((rule) => rule.rule_id)
    assert.deepEqual(ids.slice(0, 4), ['.m.rule.master', 'a', 'b', '.m.rule.suppress_notices'])
    assert.equal(full.underride[0]?.rule_id, 'u')
  })

  it('are enabled, not default, and the most important of their kind when added', () => {
    const rules = withRules('new', 'old')
    assert.deepEqual(order(rules), ['new', 'old'])
    assert.deepEqual(findRule(fullRuleset(rules, alice), override('new')), {
      rule_id: 'new',
      default: false,
      enabled: true,
      actions: ['notify'],
      conditions: [],
    })
  })

  it('stay in their place and as enabled as they were when replaced', () => {
    const off = accepted(setRuleEnabled(withRules('a', 'b', 'c'), override('b'), false))
    const replaced = accepted(putRule(off, override('b'), { actions: [], conditions: [{ kind: 'x' }] }))
    assert.deepEqual(order(replaced), ['a', 'b', 'c'])
    const rule = findRule(replaced.own, override('b'))
    assert.deepEqual([rule?.actions, rule?.conditions, rule?.enabled], [[], [{ kind: 'x' }], false])
  })

  it('go next to the rule named by before or after, which wins being before', () => {
    const rules = withRules('a', 'b', 'c')
    assert.deepEqual(order(accepted(putAt(rules, 'x', { before: 'b' }))), ['a', 'x', 'b', 'c'])
    assert.deepEqual(order(accepted(putAt(rules, 'x', { after: 'b' }))), ['a', 'b', 'x', 'c'])
    assert.deepEqual(order(accepted(putAt(rules, 'x', { after: 'c' }))), ['a', 'b', 'c', 'x'])
    assert.deepEqual(order(accepted(putAt(rules, 'x', { before: 'a', after: 'c' }))), ['x', 'a', 'b', 'c'])
    assert.deepEqual(order(accepted(putAt(rules, 'c', { before: 'a' }))), ['c', 'a', 'b'])
    assert.deepEqual(order(accepted(putAt(rules, 'a', { after: 'b' }))), ['b', 'a', 'c'])
  })

  it('T88 cannot go next to an unknown rule, a default rule, themselves or one of another kind', () => {
    const rules = accepted(putRule(withRules('a'), content('c'), { ...notify, pattern: 'c' }))
    for (const neighbour of ['unknown', '.m.rule.master', '.m.rule.suppress_notices', 'a', 'c', ''])
      for (const where of [{ before: neighbour }, { after: neighbour }])
        assert.equal(refusal(putAt(rules, 'a', where)), 'unknown-neighbour', neighbour)
  })

  it('have an id that is not reserved and has no slash', () => {
    for (const id of ['', '.mine', '.m.rule.master', 'a/b', 'a\\b', 'x'.repeat(256)])
      assert.equal(refusal(putRule(noUserPushRules, override(id), notify)), 'invalid', id)
    for (const id of ['a.b', '__proto__', 'constructor', '日本', '@a:b'])
      assert.equal(refusal(putRule(noUserPushRules, override(id), notify)), 'accepted', id)
  })

  it('are of a known kind', () => {
    for (const kind of ['', 'device', '__proto__', 'constructor', 'OVERRIDE']) {
      const key = { kind, ruleId: 'a' }
      assert.equal(refusal(putRule(noUserPushRules, key, notify)), 'invalid')
      assert.equal(refusal(deleteRule(noUserPushRules, key)), 'invalid')
      assert.equal(refusal(setRuleEnabled(noUserPushRules, key, true)), 'invalid')
      assert.equal(findRule(noUserPushRules.own, key), undefined)
    }
  })

  it('have a pattern if and only if they are content rules', () => {
    assert.equal(refusal(putRule(noUserPushRules, content('c'), notify)), 'invalid')
    assert.equal(refusal(putRule(noUserPushRules, content('c'), { ...notify, pattern: 1 })), 'invalid')
    const body = { ...notify, pattern: 'cake*lie', conditions: [{ kind: 'x' }] }
    const rules = accepted(putRule(noUserPushRules, content('c'), body))
    assert.equal(rules.own.content[0]?.pattern, 'cake*lie')
    assert.equal('conditions' in (rules.own.content[0] ?? {}), false)
    const room = accepted(putRule(rules, { kind: 'room', ruleId: '!r:test' }, body)).own.room[0]
    assert.equal('pattern' in (room ?? {}) || 'conditions' in (room ?? {}), false)
  })

  it('have known actions, of which historical ones stay as they were set', () => {
    const actionsOf = (actions: JsonValue[]) => putRule(noUserPushRules, override('a'), { actions })
    for (const actions of [['stuff'], [1], [null], [[]], [{}], [{ set_tweak: 1 }]])
      assert.equal(refusal(actionsOf(actions)), 'invalid')
    const tweak = { set_tweak: 'sound', value: 'cakealarm.wav' }
    const rules = accepted(actionsOf(['dont_notify', 'notify', 'coalesce', tweak]))
    assert.deepEqual(rules.own.override[0]?.actions, ['dont_notify', 'notify', 'coalesce', tweak])
  })

  it('have conditions of any kind, but of some kind', () => {
    const put = (conditions: JsonValue[]) => putRule(noUserPushRules, override('a'), { ...notify, conditions })
    assert.equal(refusal(put([{ kind: 'im.nheko.msc3664.related_event_match', key: 'a' }])), 'accepted')
    for (const conditions of [[{}], ['x'], [null], [{ kind: 1 }], [{ kind: 'event_match', key: 'a', pattern: 1 }]])
      assert.equal(refusal(put(conditions)), 'invalid')
  })

  it('can be deleted, unless unknown or default', () => {
    const rules = withRules('a', 'b')
    assert.deepEqual(order(accepted(deleteRule(rules, override('a')))), ['b'])
    assert.equal(refusal(deleteRule(rules, override('c'))), 'unknown-rule')
    assert.equal(refusal(deleteRule(rules, content('a'))), 'unknown-rule')
    assert.equal(refusal(deleteRule(rules, override('.m.rule.tombstone'))), 'invalid')
  })

  it('can be enabled and given actions, and default ones too', () => {
    const own = accepted(setRuleActions(withRules('a'), override('a'), ['dont_notify']))
    assert.deepEqual(own.own.override[0]?.actions, ['dont_notify'])
    const key = override('.m.rule.reaction')
    const off = accepted(setRuleEnabled(own, key, false))
    const both = accepted(setRuleActions(off, key, ['notify']))
    const rule = findRule(fullRuleset(both, alice), key)
    assert.deepEqual([rule?.enabled, rule?.actions, rule?.default], [false, ['notify'], true])
    assert.deepEqual(findRule(fullRuleset(own, alice), key)?.enabled, true)
    assert.equal(refusal(setRuleActions(both, key, ['stuff'])), 'invalid')
  })

  it('cannot be changed when unknown', () => {
    for (const key of [override('a'), override('.m.rule.unknown'), override('__proto__'), content('.m.rule.master')]) {
      assert.equal(refusal(setRuleEnabled(noUserPushRules, key, false)), 'unknown-rule')
      assert.equal(refusal(setRuleActions(noUserPushRules, key, [])), 'unknown-rule')
    }
  })

  it('never change in place', () => {
    const rules = withRules('a', 'b')
    const before = structuredClone(rules)
    putAt(rules, 'c', { before: 'b' })
    deleteRule(rules, override('a'))
    setRuleEnabled(rules, override('a'), false)
    setRuleActions(rules, override('.m.rule.master'), [])
    assert.deepEqual(rules, before)
    assert.deepEqual(noUserPushRules.own.override, [])
  })

  describe('T84 are bounded', () => {
    it('in every measure, though a full set can still be made less', () => {
      const most = { rules: 2, conditions: 3, patterns: 2, patternBytes: 10, bytes: 10_000 }
      const put = (rules: UserPushRules, id: string, body: Partial<RuleBody>) =>
        accepted(putRule(rules, override(id), { ...notify, ...body }))
      const glob = (pattern: string) => ({ kind: 'event_match', key: 'type', pattern })
      const one = put(noUserPushRules, 'a', { conditions: [glob('12345'), glob('12345')] })
      const grown = (after: UserPushRules, before = one) => exceeds({ before, after }, most)

      assert.equal(grown(one, noUserPushRules), false)
      assert.equal(grown(put(one, 'b', {})), false)
      assert.equal(grown(put(put(one, 'b', {}), 'c', {})), true)
      assert.equal(grown(put(one, 'b', { conditions: [{ kind: 'x' }, { kind: 'x' }] })), true)
      assert.equal(grown(put(one, 'b', { conditions: [glob('')] })), true)
      assert.equal(grown(put(one, 'a', { conditions: [glob('12345678901')] })), true)
      const crowded = put(put(put(one, 'b', {}), 'c', {}), 'd', {})
      assert.equal(exceeds({ before: crowded, after: accepted(deleteRule(crowded, override('d'))) }, most), false)
    })

    it('in size', () => {
      const pattern = 'a'.repeat(maxPatternLength)
      assert.equal(refusal(putRule(noUserPushRules, content('c'), { ...notify, pattern })), 'accepted')
      assert.equal(refusal(putRule(noUserPushRules, content('c'), { ...notify, pattern: `${pattern}a` })), 'invalid')
      const huge = [{ set_tweak: 'sound', value: 'a'.repeat(10_000) }]
      assert.equal(refusal(putRule(noUserPushRules, override('a'), { actions: huge })), 'invalid')
      assert.equal(refusal(setRuleActions(noUserPushRules, override('.m.rule.master'), huge)), 'invalid')
      const conditions = [{ kind: 'x', value: 'a'.repeat(10_000) }]
      assert.equal(refusal(putRule(noUserPushRules, override('a'), { ...notify, conditions })), 'invalid')
    })
  })
})
