import { defaultPushRules, isDefaultRule, masterRuleId } from './default-push-rules.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { checkActions, checkRule, type RuleBody } from './push-rule-check.ts'
import { isRuleKind, type PushAction, type PushRule, type RuleKind, type Ruleset } from './push-ruleset.ts'
import type { UserId } from '#protocol/ids.ts'

/** All that is stored for a user: default rules change with the server, so only what differs from them is kept. */
export type UserPushRules = {
  own: Ruleset
  /** Changes to default rules, by rule id. */
  defaults: { [ruleId: string]: { enabled?: boolean; actions?: PushAction[] } }
}

/** A rule as a request names it; neither part is trusted. */
export type RuleKey = { kind: string; ruleId: string }

/** Where to put a rule: next to another of the user's own; `before` wins, being more important. */
export type Neighbours = { before?: string; after?: string }

export type Refusal = {
  /** `unknown-rule` is M_NOT_FOUND; the others are bad requests. */
  refused: 'unknown-rule' | 'unknown-neighbour' | 'invalid'
  message: string
}

export const noUserPushRules: UserPushRules = {
  own: { override: [], content: [], room: [], sender: [], underride: [] },
  defaults: {},
}

const maxRuleIdLength = 255

/** The rules in force: the user's own before the default ones of their kind, after `.m.rule.master`. */
export function fullRuleset({ own, defaults }: UserPushRules, userId: UserId): Ruleset {
  const predefined = defaultPushRules(userId)
  const merged = (kind: RuleKind) => {
    const changed = predefined[kind].map((rule) => ({ ...rule, ...changeOf(defaults, rule.rule_id) }))
    const first = changed.filter((rule) => rule.rule_id === masterRuleId)
    return [...first, ...own[kind], ...changed.filter((rule) => rule.rule_id !== masterRuleId)]
  }
  return {
    override: merged('override'),
    content: merged('content'),
    room: merged('room'),
    sender: merged('sender'),
    underride: merged('underride'),
  }
}

/** Undefined for an unknown rule or kind. */
export function findRule(ruleset: Ruleset, { kind, ruleId }: RuleKey): PushRule | undefined {
  return isRuleKind(kind) ? ruleset[kind].find((rule) => rule.rule_id === ruleId) : undefined
}

/** Adds a rule of the user's own, as the most important of its kind unless placed, or changes one and leaves it where it is. */
export function putRule(
  rules: UserPushRules,
  { kind, ruleId }: RuleKey,
  { before, after, ...body }: RuleBody & Neighbours,
): UserPushRules | Refusal {
  if (!isRuleKind(kind)) return refuse('invalid', 'There is no such kind of push rule')
  if (!isOwnRuleId(ruleId)) return refuse('invalid', 'This rule id is reserved, too long, or has a slash')
  const checked = checkRule(kind, ruleId, body)
  if (typeof checked === 'string') return refuse('invalid', checked)
  const known = rules.own[kind].find((rule) => rule.rule_id === ruleId)
  const rule = { ...checked, enabled: known?.enabled ?? true }
  const placed = insertRule(rules.own[kind], rule, { before, after })
  if (placed === undefined) return refuse('unknown-neighbour', 'The rule to put it before or after was not found')
  return { ...rules, own: { ...rules.own, [kind]: placed } }
}

/** Default rules can be disabled but not deleted. */
export function deleteRule(rules: UserPushRules, { kind, ruleId }: RuleKey): UserPushRules | Refusal {
  if (!isRuleKind(kind)) return refuse('invalid', 'There is no such kind of push rule')
  if (isDefaultRule(kind, ruleId)) return refuse('invalid', 'A default push rule cannot be deleted')
  const rest = rules.own[kind].filter((rule) => rule.rule_id !== ruleId)
  if (rest.length === rules.own[kind].length) return unknownRule
  return { ...rules, own: { ...rules.own, [kind]: rest } }
}

/** For default rules and the user's own. */
export function setRuleEnabled(rules: UserPushRules, key: RuleKey, enabled: boolean): UserPushRules | Refusal {
  return change(rules, key, { enabled })
}

/** For default rules and the user's own. */
export function setRuleActions(rules: UserPushRules, key: RuleKey, actions: JsonValue[]): UserPushRules | Refusal {
  const checked = checkActions(actions)
  return typeof checked === 'string' ? refuse('invalid', checked) : change(rules, key, { actions: checked })
}

export function isRefusal(outcome: UserPushRules | Refusal): outcome is Refusal {
  return 'refused' in outcome
}

function change(
  rules: UserPushRules,
  { kind, ruleId }: RuleKey,
  changes: Partial<Pick<PushRule, 'enabled' | 'actions'>>,
): UserPushRules | Refusal {
  if (!isRuleKind(kind)) return refuse('invalid', 'There is no such kind of push rule')
  if (isDefaultRule(kind, ruleId)) {
    const changed = { ...changeOf(rules.defaults, ruleId), ...changes }
    return { ...rules, defaults: { ...rules.defaults, [ruleId]: changed } }
  }
  if (!rules.own[kind].some((rule) => rule.rule_id === ruleId)) return unknownRule
  const own = rules.own[kind].map((rule) => (rule.rule_id === ruleId ? { ...rule, ...changes } : rule))
  return { ...rules, own: { ...rules.own, [kind]: own } }
}

/** Undefined when there is no such neighbour, such as the rule itself or a default rule. */
function insertRule(rules: PushRule[], rule: PushRule, { before, after }: Neighbours): PushRule[] | undefined {
  const at = rules.findIndex(({ rule_id }) => rule_id === rule.rule_id)
  const neighbour = before ?? after
  if (neighbour === undefined) return at === -1 ? [rule, ...rules] : rules.with(at, rule)
  const others = rules.filter(({ rule_id }) => rule_id !== rule.rule_id)
  const found = others.findIndex(({ rule_id }) => rule_id === neighbour)
  return found === -1 ? undefined : others.toSpliced(before === undefined ? found + 1 : found, 0, rule)
}

function isOwnRuleId(ruleId: string): boolean {
  return ruleId !== '' && ruleId.length <= maxRuleIdLength && !ruleId.startsWith('.') && !/[/\\]/.test(ruleId)
}

const changeOf = (defaults: UserPushRules['defaults'], ruleId: string) =>
  Object.hasOwn(defaults, ruleId) ? defaults[ruleId] : undefined

const refuse = (refused: Refusal['refused'], message: string): Refusal => ({ refused, message })

const unknownRule = refuse('unknown-rule', 'The push rule was not found')
