import { MatrixError } from '#base/errors.ts'
import type { EventId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { AppendOnceNeeds } from './append-needs.ts'

/**
 * Makes an event at most once for a client's transaction: a retry answers what the first attempt made.
 * https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */
export function appendOnce(
  ctx: AppendOnceNeeds,
  transaction: EventTransaction,
  append: () => Promise<EventId>,
): Promise<EventId> {
  const { userId, deviceId, scope, transactionId } = transaction
  // In turn, since the second of two writes would fail and take down what was built on it.
  return ctx.locks.run(`${userId} ${deviceId} ${scope} ${transactionId}`, async () => {
    const made = await ctx.sentTransactions.claim(transaction)
    if (made) return made
    try {
      return await append()
    } catch (error) {
      if (error instanceof MatrixError) throw error
      // Another process was faster: its row stands.
      const madeElsewhere = await ctx.store.rooms.events.byTransaction(transaction)
      if (madeElsewhere) return madeElsewhere
      throw error
    }
  })
}
