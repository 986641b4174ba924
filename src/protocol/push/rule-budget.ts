import type { UserPushRules } from './push-rules.ts'
import { ruleKinds, type PushRule } from './push-ruleset.ts'

/** What rules cost to store, and to evaluate for one event. */
export type RuleCost = {
  rules: number
  conditions: number
  /** Texts that are looked for in properties of events. */
  patterns: number
  patternBytes: number
  bytes: number
}

/** The cost of all rules of a user's own, and of changes to the default ones. */
export function ruleCost(stored: UserPushRules): RuleCost {
  const own = ruleKinds.flatMap((kind) => stored.own[kind])
  const patterns = own.flatMap(patternsOf)
  return {
    rules: own.length,
    conditions: own.reduce((sum, rule) => sum + (rule.conditions?.length ?? 0), 0),
    patterns: patterns.length,
    patternBytes: patterns.reduce((sum, pattern) => sum + Buffer.byteLength(pattern), 0),
    bytes: Buffer.byteLength(JSON.stringify(stored)),
  }
}

/** Whether a change takes rules beyond a limit: who is beyond one already may still make them fewer. */
export function exceeds({ before, after }: { before: UserPushRules; after: UserPushRules }, most: RuleCost): boolean {
  const [old, cost] = [ruleCost(before), ruleCost(after)]
  return (Object.keys(most) as (keyof RuleCost)[]).some((name) => cost[name] > most[name] && cost[name] > old[name])
}

function patternsOf({ pattern, conditions = [] }: PushRule): string[] {
  const all = [pattern, ...conditions.map((condition) => condition['pattern'])]
  return all.filter((each) => typeof each === 'string')
}
