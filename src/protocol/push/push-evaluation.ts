import { compileCondition, eventMatch, eventPropertyIs, type Condition } from './push-conditions.ts'
import { maxMatchedLength, type FlatEvent, type PushContext } from './push-conditions.ts'
import {
  ruleKinds,
  type PushAction,
  type PushCondition,
  type PushRule,
  type RuleKind,
  type Ruleset,
} from './push-ruleset.ts'
import type { UserId } from '#protocol/ids.ts'

export type PushOutcome = {
  notify: boolean
  highlight: boolean
  sound?: string
  /** Absent when no rule matched. */
  ruleId?: string
  /** Of the rule that matched, as clients and push gateways get them. */
  actions: readonly PushAction[]
}

type CompiledRule = { conditions: Condition[]; outcome: PushOutcome }

/** A user's enabled rules in order of importance, ready for any number of events. */
export type CompiledRuleset = {
  userId: UserId
  rules: CompiledRule[]
  /** Measures the patterns of the rules, in words of 32 characters. */
  patternWords: number
  /** The numbers of members that the rules compare with. */
  memberCounts: readonly number[]
}

const silence: PushOutcome = { notify: false, highlight: false, actions: [] }

/** Expects the full ruleset, default rules included. */
export function compileRuleset(ruleset: Ruleset, userId: UserId): CompiledRuleset {
  const enabled = ruleKinds.flatMap((kind) =>
    ruleset[kind].filter((rule) => rule.enabled).map((rule) => compileRule(kind, rule)),
  )
  const memberCounts = ruleKinds.flatMap((kind) => ruleset[kind].flatMap(({ conditions = [] }) => countsIn(conditions)))
  return { userId, rules: enabled, patternWords: patternWordsOf(ruleset), memberCounts: [...new Set(memberCounts)] }
}

/** Steps that evaluating an event of so many characters may take at most, each of a few nanoseconds. */
export const evaluationSteps = ({ patternWords, rules }: CompiledRuleset, length: number): number =>
  patternWords * Math.min(length, maxMatchedLength) + rules.length

/** Patterns are matched 32 characters at once. */
function patternWordsOf(ruleset: Ruleset): number {
  const rules = ruleKinds.flatMap((kind) => ruleset[kind]).filter(({ enabled }) => enabled)
  const patterns = rules.flatMap(({ pattern, conditions = [] }) => [
    pattern,
    ...conditions.map((each) => each['pattern']),
  ])
  return patterns.reduce<number>((sum, each) => (typeof each === 'string' ? sum + 1 + (each.length >>> 5) : sum), 0)
}

const countsIn = (conditions: readonly PushCondition[]): number[] =>
  conditions.flatMap(({ kind, is }) => {
    const digits = kind === 'room_member_count' && typeof is === 'string' ? /[0-9]+$/.exec(is)?.[0] : undefined
    return digits === undefined ? [] : [Number(digits)]
  })

/** The same text for all numbers of members between which the rules do not distinguish. */
export const memberCountClass = ({ memberCounts }: CompiledRuleset, count: number): string =>
  memberCounts.map((bound) => Math.sign(count - bound)).join()

/** What the most important rule that matches says; users are never notified of their own events. */
export function evaluate(ruleset: CompiledRuleset, event: FlatEvent, context: PushContext): PushOutcome {
  if (event.sender === ruleset.userId) return silence
  for (const { conditions, outcome } of ruleset.rules)
    if (conditions.every((condition) => condition(event, context))) return outcome
  return silence
}

function compileRule(kind: RuleKind, rule: PushRule): CompiledRule {
  return { conditions: conditionsOf(kind, rule), outcome: outcomeOf(rule) }
}

function conditionsOf(kind: RuleKind, rule: PushRule): Condition[] {
  switch (kind) {
    case 'content':
      return [eventMatch('content.body', rule.pattern)]
    case 'room':
      return [eventPropertyIs('room_id', rule.rule_id)]
    case 'sender':
      return [eventPropertyIs('sender', rule.rule_id)]
    default:
      return (rule.conditions ?? []).map(compileCondition)
  }
}

function outcomeOf({ rule_id: ruleId, actions }: PushRule): PushOutcome {
  const highlight = tweak(actions, 'highlight')
  const sound = tweak(actions, 'sound')?.value
  return {
    notify: actions.includes('notify'),
    highlight: highlight !== undefined && (highlight.value ?? true) === true,
    ...(typeof sound === 'string' ? { sound } : {}),
    ruleId,
    actions,
  }
}

/** The last one set, as a later entry of a dictionary replaces an earlier one. */
function tweak(actions: readonly PushAction[], name: string) {
  return actions.findLast((action) => typeof action === 'object' && action.set_tweak === name) as
    Exclude<PushAction, string> | undefined
}
