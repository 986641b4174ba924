import type { Context } from '#context.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** Keeps what this process knows of rules, ignored users and unread events in step with changes anywhere; the answer stops it. */
export function followPushChanges({
  bus,
  pushRulesets,
  ignoredUsers,
  unread,
}: Pick<Context, 'bus' | 'pushRulesets' | 'ignoredUsers' | 'unread'>): () => void {
  const stopRules = bus.subscribe('push_rules', (userId) => pushRulesets.forget(userId as UserId))
  const stopIgnored = bus.subscribe('ignored_users', (userId) => ignoredUsers.forget(userId as UserId))
  const stopReceipts = bus.subscribe('receipts', (message) => {
    const { userId, roomId } = message as { userId: UserId; roomId: RoomId }
    unread.receiptMoved(userId, roomId)
  })
  return () => {
    stopRules()
    stopIgnored()
    stopReceipts()
  }
}
