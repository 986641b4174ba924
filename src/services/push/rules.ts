import { forbidden, invalidParam, notFound, unknown, type MatrixError } from '#base/errors.ts'
import { accountDataChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { fullRuleset, isRefusal, type Refusal, type UserPushRules } from '#protocol/push/push-rules.ts'
import { exceeds, type RuleCost } from '#protocol/push/rule-budget.ts'
import type { Ruleset } from '#protocol/push/push-ruleset.ts'
import { lockAccountData } from '#services/accounts/data/account-data.ts'
import { findPushRules, pushRulesType, savePushRules } from '#services/accounts/data/stored-push-rules.ts'
import type { UserId } from '#protocol/ids.ts'

/** The push rules of a user, including the default ones. */
export async function findRuleset({ store }: Pick<Context, 'store'>, userId: UserId): Promise<Ruleset> {
  return fullRuleset(await findPushRules(store, userId), userId)
}

/** Changes a user's rules by one of the functions of `protocol/push-rules`; its refusals are thrown. */
export async function changeRules(
  { store, bus, config }: Pick<Context, 'store' | 'bus' | 'config'>,
  userId: UserId,
  change: (rules: UserPushRules) => UserPushRules | Refusal,
): Promise<void> {
  await store.transaction(async (tx) => {
    const position = await lockAccountData(tx)
    const before = await findPushRules(tx, userId)
    const rules = change(before)
    if (isRefusal(rules)) throw errorOf(rules)
    if (exceeds({ before, after: rules }, mostOf(config))) throw forbidden('You have too many or too large push rules')
    await savePushRules(tx, { userId, rules }, position)
  })
  bus.publish(accountDataChanged, { userId, changes: [{ roomId: '', type: pushRulesType }] })
}

const mostOf = ({ limits }: Context['config']): RuleCost => ({
  rules: limits.push_rules_per_user,
  conditions: limits.push_conditions_per_user,
  patterns: limits.push_patterns_per_user,
  patternBytes: limits.push_pattern_bytes_per_user,
  bytes: limits.push_rule_bytes_per_user,
})

const errors: Readonly<Record<Refusal['refused'], (message: string) => MatrixError>> = {
  'unknown-rule': notFound,
  'unknown-neighbour': unknown,
  invalid: invalidParam,
}

const errorOf = ({ refused, message }: Refusal): MatrixError => errors[refused](message)
