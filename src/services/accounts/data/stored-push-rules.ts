import { noUserPushRules, type UserPushRules } from '#protocol/push/push-rules.ts'
import type { Transaction } from '#store/open.ts'
import type { UserId } from '#protocol/ids.ts'

/** The account data type of a user's push rules, stored as the difference from the default ones. */
export const pushRulesType = 'm.push_rules'

type Needs = Pick<Transaction, 'accounts'>

export async function findPushRules({ accounts }: Needs, userId: UserId): Promise<UserPushRules> {
  return readPushRules(await accounts.accountData.find({ userId, roomId: '', type: pushRulesType }))
}

/** Stores push rules under a position of the account data stream. */
export async function savePushRules(
  { accounts }: Needs,
  { userId, rules }: { userId: UserId; rules: UserPushRules },
  position: number,
): Promise<void> {
  await accounts.accountData.save({ userId, roomId: '', type: pushRulesType, content: JSON.stringify(rules) }, position)
}

/** From JSON text; absent where the user has the default rules. */
export const readPushRules = (stored: string | undefined): UserPushRules =>
  stored === undefined ? noUserPushRules : (JSON.parse(stored) as UserPushRules)
