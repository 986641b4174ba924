import assert from 'node:assert/strict'
import { defaultPushRules, isDefaultRule } from '#protocol/push/default-push-rules.ts'

const alice = '@alice:test'
const defaults = defaultPushRules(alice)
const ids = (kind: 'override' | 'underride') => defaults[kind].map((rule) => rule.rule_id)
const conditionsOf = (kind: 'override' | 'underride', ruleId: string) =>
  defaults[kind].find((rule) => rule.rule_id === ruleId)?.conditions

describe('default push rules', () => {
  it('are those of the specification in its order, with the poll rules of MSC3930 after them', () => {
    assert.deepEqual(ids('override'), [
      '.m.rule.master',
      '.m.rule.suppress_notices',
      '.m.rule.invite_for_me',
      '.m.rule.member_event',
      '.m.rule.is_user_mention',
      '.m.rule.is_room_mention',
      '.m.rule.tombstone',
      '.m.rule.reaction',
      '.m.rule.room.server_acl',
      '.m.rule.suppress_edits',
      '.org.matrix.msc3930.rule.poll_response',
    ])
    assert.deepEqual(ids('underride'), [
      '.m.rule.call',
      '.m.rule.encrypted_room_one_to_one',
      '.m.rule.room_one_to_one',
      '.m.rule.message',
      '.m.rule.encrypted',
      '.org.matrix.msc3930.rule.poll_start_one_to_one',
      '.org.matrix.msc3930.rule.poll_start',
      '.org.matrix.msc3930.rule.poll_end_one_to_one',
      '.org.matrix.msc3930.rule.poll_end',
    ])
    assert.deepEqual([defaults.content, defaults.room, defaults.sender], [[], [], []])
  })

  it('no longer look for names in the body, as of v1.17', () => {
    const legacy = ['.m.rule.contains_display_name', '.m.rule.contains_user_name', '.m.rule.roomnotif']
    const all = Object.values(defaults).flat()
    assert.equal(
      all.some((rule) => legacy.includes(rule.rule_id)),
      false,
    )
  })

  it('are all default, and enabled but for the master rule', () => {
    for (const rule of Object.values(defaults).flat()) {
      assert.equal(rule.default, true)
      assert.equal(rule.enabled, rule.rule_id !== '.m.rule.master')
    }
  })

  it('name the user where the specification says so', () => {
    assert.deepEqual(conditionsOf('override', '.m.rule.is_user_mention'), [
      { kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: alice },
    ])
    assert.deepEqual(conditionsOf('override', '.m.rule.invite_for_me')?.at(-1), {
      kind: 'event_match',
      key: 'state_key',
      pattern: alice,
    })
  })

  it('know their ids by kind', () => {
    assert.equal(isDefaultRule('override', '.m.rule.master'), true)
    assert.equal(isDefaultRule('underride', '.m.rule.master'), false)
    assert.equal(isDefaultRule('override', '.m.rule.unknown'), false)
  })
})
