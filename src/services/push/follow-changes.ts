import type { Context } from '#context.ts'

/** Keeps what this process knows of rules and unread events in step with changes anywhere; the answer stops it. */
export function followPushChanges({
  bus,
  pushRulesets,
  unread,
}: Pick<Context, 'bus' | 'pushRulesets' | 'unread'>): () => void {
  const stopRules = bus.subscribe('push_rules', (userId) => pushRulesets.forget(String(userId)))
  const stopReceipts = bus.subscribe('receipts', (message) => {
    const { userId, roomId } = message as { userId: string; roomId: string }
    unread.receiptMoved(userId, roomId)
  })
  return () => {
    stopRules()
    stopReceipts()
  }
}
