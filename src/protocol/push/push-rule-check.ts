import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { PushAction, PushCondition, PushRule, RuleKind } from './push-ruleset.ts'

/** What a client sends to make or change a rule. */
export type RuleBody = { actions: JsonValue[]; conditions?: JsonValue[]; pattern?: JsonValue }

/** Bounds on what one rule may cost to store and to evaluate. */
export const maxPatternLength = 255
const maxRuleLength = 4_096

/** The last two are of the past, kept for the clients that set them: https://spec.matrix.org/v1.19/client-server-api/#historical-actions */
const plainActions: readonly JsonValue[] = ['notify', 'dont_notify', 'coalesce']

/** The rule, enabled, or in words what is wrong with it. */
export function checkRule(kind: RuleKind, ruleId: string, body: RuleBody): PushRule | string {
  const actions = checkActions(body.actions)
  if (typeof actions === 'string') return actions
  const conditions = checkConditions(body.conditions ?? [])
  if (typeof conditions === 'string') return conditions
  const rule: PushRule = { rule_id: ruleId, default: false, enabled: true, actions }
  if (kind === 'override' || kind === 'underride') rule.conditions = conditions
  if (kind === 'content') {
    if (!isPattern(body.pattern)) return `A content rule needs a pattern of at most ${maxPatternLength} characters`
    rule.pattern = body.pattern
  }
  return JSON.stringify(rule).length > maxRuleLength ? 'The rule is too large' : rule
}

/** The actions, or in words what is wrong with them. */
export function checkActions(actions: readonly JsonValue[]): PushAction[] | string {
  if (JSON.stringify(actions).length > maxRuleLength) return 'The actions are too large'
  return actions.every(isAction) ? [...actions] : 'An action is unknown'
}

function checkConditions(conditions: JsonValue[]): PushCondition[] | string {
  if (!conditions.every(isCondition)) return 'A condition has no kind'
  const long = conditions.some(({ pattern }) => pattern !== undefined && !isPattern(pattern))
  return long ? `A pattern must be a string of at most ${maxPatternLength} characters` : conditions
}

function isAction(action: JsonValue): action is PushAction {
  return plainActions.includes(action) || (isObject(action) && typeof action['set_tweak'] === 'string')
}

function isCondition(condition: JsonValue): condition is PushCondition {
  return isObject(condition) && typeof condition['kind'] === 'string'
}

const isPattern = (pattern: JsonObject[string]): pattern is string =>
  typeof pattern === 'string' && pattern.length <= maxPatternLength
