import { forbidden, invalidParam, notFound, unknown, type MatrixError } from '#base/errors.ts'
import { accountDataChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { fullRuleset, isRefusal, type Refusal, type UserPushRules } from '#protocol/push/push-rules.ts'
import type { Ruleset } from '#protocol/push/push-ruleset.ts'
import { lockAccountData } from '#services/accounts/data/account-data.ts'
import { findPushRules, pushRulesType, savePushRules } from '#services/accounts/data/stored-push-rules.ts'
import type { UserId } from '#protocol/ids.ts'

/** The rules in force for a user, the default ones among them. */
export async function findRuleset({ store }: Pick<Context, 'store'>, userId: UserId): Promise<Ruleset> {
  return fullRuleset(await findPushRules(store, userId), userId)
}

/** Changes a user's rules by one of the functions of `protocol/push-rules`; its refusals are thrown. */
export async function changeRules(
  { store, bus }: Pick<Context, 'store' | 'bus'>,
  userId: UserId,
  change: (rules: UserPushRules) => UserPushRules | Refusal,
): Promise<void> {
  await store.transaction(async (tx) => {
    const position = await lockAccountData(tx)
    const rules = change(await findPushRules(tx, userId))
    if (isRefusal(rules)) throw errorOf(rules)
    await savePushRules(tx, { userId, rules }, position)
  })
  bus.publish(accountDataChanged, { userId, changes: [{ roomId: '', type: pushRulesType }] })
}

const errors: Readonly<Record<Refusal['refused'], (message: string) => MatrixError>> = {
  'unknown-rule': notFound,
  'unknown-neighbour': unknown,
  invalid: invalidParam,
  'too-many': forbidden,
}

const errorOf = ({ refused, message }: Refusal): MatrixError => errors[refused](message)
