import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { maxEdus, maxPdus, takeTransaction } from '#services/federation/receive/transactions/take-transaction.ts'

const AnyJson = Type.Unsafe<JsonValue>(Type.Any())

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid */
export const putTransaction = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send/:transactionId',
  auth: 'server',
  maxBody: 'transaction',
  params: Type.Object({ transactionId: Type.String({ minLength: 1, maxLength: 255 }) }),
  // NOTSPEC: `origin` and `origin_server_ts` are not asked for: who sends is proven, and when does not matter.
  body: Type.Object({
    pdus: Type.Optional(Type.Array(AnyJson, { maxItems: maxPdus })),
    edus: Type.Optional(Type.Array(AnyJson, { maxItems: maxEdus })),
  }),
  reply: Type.Object({
    pdus: Type.Record(Type.String(), Type.Object({ error: Type.Optional(Type.String()) })),
  }),
  summary: 'Takes in events and EDUs of another server.',
  spec: 'server-server-api/#put_matrixfederationv1sendtxnid',
  handle: (ctx, { params: { transactionId }, body: { pdus = [], edus = [] } }, { serverName: origin }) =>
    takeTransaction(ctx, { origin, transactionId, pdus, edus }),
})

export const transactions = [putTransaction]
