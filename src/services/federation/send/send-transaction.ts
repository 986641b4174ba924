import type { Context } from '#context.ts'
import { isObject } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { askUncounted, type RemoteNeeds } from '#services/remote/remote-client.ts'
import type { Transaction } from './compose-transaction.ts'

/** Servers take in events before they answer. */
const timeoutMs = 60_000
const maxAnswerBytes = 1_048_576

/** Sends a transaction; rejects unless it is acknowledged. https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid */
export async function sendTransaction(
  ctx: RemoteNeeds & Pick<Context, 'log'>,
  destination: ServerName,
  { transaction: { attempt, body }, signal }: { transaction: Transaction; signal: AbortSignal },
): Promise<void> {
  const { pdus: results } = await askUncounted(ctx, {
    destination,
    method: 'PUT',
    path: ['_matrix', 'federation', 'v1', 'send', attempt.txnId],
    body,
    timeoutMs,
    maxBytes: maxAnswerBytes,
    signal,
  })
  // The server has the transaction in any case; what it does not accept now it would not accept later.
  const refused = isObject(results)
    ? Object.entries(results).filter(([, result]) => isObject(result) && result.error !== undefined)
    : []
  if (refused.length > 0)
    ctx.log.info('another server refused events', { destination, events: refused.slice(0, 10).map(([id]) => id) })
}
