import type { JsonObject, JsonValue } from '#protocol/events/event.ts'

/** In the order in which they are tried. https://spec.matrix.org/v1.19/client-server-api/#push-rules */
export const ruleKinds = ['override', 'content', 'room', 'sender', 'underride'] as const

export type RuleKind = (typeof ruleKinds)[number]

/** Of the plain ones, only `notify` does anything. */
export type PushAction = 'notify' | 'dont_notify' | 'coalesce' | { set_tweak: string; value?: JsonValue }

/** Its other keys depend on the kind. */
export type PushCondition = JsonObject & { kind: string }

export type PushRule = {
  rule_id: string
  default: boolean
  enabled: boolean
  actions: PushAction[]
  /** On override and underride rules. */
  conditions?: PushCondition[]
  /** On content rules. */
  pattern?: string
}

/** The most important rule of each kind first. */
export type Ruleset = Record<RuleKind, PushRule[]>

export function isRuleKind(kind: string): kind is RuleKind {
  return (ruleKinds as readonly string[]).includes(kind)
}
