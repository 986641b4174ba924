import { accountDataChanged, receiptMoved } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { ignoredUsersType } from '#services/accounts/data/ignored-users.ts'
import { pushRulesType } from '#services/accounts/data/stored-push-rules.ts'

/** Drops cached rules, ignored users and receipts when they change in any process; the answer stops it. */
export function followPushChanges({
  bus,
  pushRulesets,
  ignoredUsers,
  unread,
}: Pick<Context, 'bus' | 'pushRulesets' | 'ignoredUsers' | 'unread'>): () => void {
  const stopAccountData = bus.subscribe(accountDataChanged, ({ userId, changes }) => {
    for (const { roomId, type } of changes) {
      if (roomId === '' && type === pushRulesType) pushRulesets.forget(userId)
      if (roomId === '' && type === ignoredUsersType) ignoredUsers.forget(userId)
    }
  })
  const stopReceipts = bus.subscribe(receiptMoved, ({ userId, roomId }) => unread.receiptMoved(userId, roomId))
  return () => {
    stopAccountData()
    stopReceipts()
  }
}
