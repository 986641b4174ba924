import type { Context } from '#context.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { receiveEdu } from '#services/federation/receive/edus/receive-edu.ts'
import { takePdus } from './take-pdus.ts'
import type { TransactionAnswer } from './transaction-answers.ts'

/** Most in one transaction. https://spec.matrix.org/v1.19/server-server-api/#transactions */
export const maxPdus = 50
export const maxEdus = 100

export type Transaction = {
  origin: ServerName
  transactionId: string
  pdus: readonly JsonValue[]
  edus: readonly JsonValue[]
}

/**
 * Takes in what another server sends. Events that take longer than the answer waits are staged on disk before it is
 * given, so that no event is lost; what is wrong with one fails neither its neighbors nor the transaction.
 */
export function takeTransaction(ctx: Context, transaction: Transaction): Promise<TransactionAnswer> {
  return ctx.transactionAnswers.once(transaction, async () => {
    const { origin, pdus, edus } = transaction
    const [results] = await Promise.all([takePdus(ctx, { origin, pdus }), takeEdus(ctx, { origin, edus })])
    return { pdus: results }
  })
}

/** One after the other, in one order for all transactions of a server: later ones replace what earlier ones said. */
function takeEdus(ctx: Context, { origin, edus }: Pick<Transaction, 'origin' | 'edus'>): Promise<void> {
  return ctx.locks.run(`edus of ${origin}`, async () => {
    for (const edu of edus) await receiveEdu(ctx, { origin, edu })
  })
}
