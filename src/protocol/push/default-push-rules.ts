import type { PushAction, PushCondition, PushRule, RuleKind, Ruleset } from './push-ruleset.ts'
import type { UserId } from '#protocol/ids.ts'

/** The rule that turns off all others; alone among the default rules it outranks those of the user. */
export const masterRuleId = '.m.rule.master'

/** https://spec.matrix.org/v1.19/client-server-api/#predefined-rules, and the poll rules of MSC3930. */
export function defaultPushRules(userId: UserId): Ruleset {
  return { override: override(userId), content: [], room: [], sender: [], underride: underride() }
}

/** The ids of the rules are the same for every user. */
export function isDefaultRule(kind: RuleKind, ruleId: string): boolean {
  return defaultPushRules('@')[kind].some((rule) => rule.rule_id === ruleId)
}

const sound = (value: string): PushAction => ({ set_tweak: 'sound', value })
const loudly: PushAction[] = ['notify', sound('default')]
const highlight: PushAction = { set_tweak: 'highlight' }

const matches = (key: string, pattern: string): PushCondition => ({ kind: 'event_match', key, pattern })
const hasType = (type: string) => matches('type', type)
const betweenTwo: PushCondition = { kind: 'room_member_count', is: '2' }

function rule(name: string, conditions: PushCondition[], actions: PushAction[] = []): PushRule {
  return { rule_id: name, default: true, enabled: name !== masterRuleId, conditions, actions }
}

function override(userId: UserId): PushRule[] {
  return [
    rule(masterRuleId, []),
    rule('.m.rule.suppress_notices', [matches('content.msgtype', 'm.notice')]),
    rule(
      '.m.rule.invite_for_me',
      [hasType('m.room.member'), matches('content.membership', 'invite'), matches('state_key', userId)],
      loudly,
    ),
    rule('.m.rule.member_event', [hasType('m.room.member')]),
    rule(
      '.m.rule.is_user_mention',
      [{ kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: userId }],
      [...loudly, highlight],
    ),
    rule(
      '.m.rule.is_room_mention',
      [
        { kind: 'event_property_is', key: 'content.m\\.mentions.room', value: true },
        { kind: 'sender_notification_permission', key: 'room' },
      ],
      ['notify', highlight],
    ),
    rule('.m.rule.tombstone', [hasType('m.room.tombstone'), matches('state_key', '')], ['notify', highlight]),
    rule('.m.rule.reaction', [hasType('m.reaction')]),
    rule('.m.rule.room.server_acl', [hasType('m.room.server_acl'), matches('state_key', '')]),
    rule('.m.rule.suppress_edits', [
      { kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: 'm.replace' },
    ]),
    rule('.org.matrix.msc3930.rule.poll_response', [hasType('org.matrix.msc3381.poll.response')]),
  ]
}

function underride(): PushRule[] {
  return [
    rule('.m.rule.call', [hasType('m.call.invite')], ['notify', sound('ring')]),
    rule('.m.rule.encrypted_room_one_to_one', [betweenTwo, hasType('m.room.encrypted')], loudly),
    rule('.m.rule.room_one_to_one', [betweenTwo, hasType('m.room.message')], loudly),
    rule('.m.rule.message', [hasType('m.room.message')], ['notify']),
    rule('.m.rule.encrypted', [hasType('m.room.encrypted')], ['notify']),
    ...(['start', 'end'] as const).flatMap(pollRules),
  ]
}

function pollRules(moment: 'start' | 'end'): PushRule[] {
  const name = `.org.matrix.msc3930.rule.poll_${moment}`
  const isPoll = hasType(`org.matrix.msc3381.poll.${moment}`)
  return [rule(`${name}_one_to_one`, [betweenTwo, isPoll], loudly), rule(name, [isPoll], ['notify'])]
}
