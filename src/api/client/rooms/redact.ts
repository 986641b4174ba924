import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { redactEvent } from '#services/rooms/write/redact.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid */
export const putRedact = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/:roomId/redact/:eventId/:txnId',
  auth: 'user',
  limit: 'message',
  params: Type.Object({ roomId: RoomIdText, eventId: EventIdText, txnId: Type.String({ maxLength: 255 }) }),
  body: JsonBody,
  reply: Type.Object({ event_id: EventIdText }),
  summary: 'Empties an event.',
  spec: 'client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid',
  async handle(ctx, { params: { roomId, eventId: target, txnId: transactionId }, body: content }, requester) {
    const { userId, deviceId = '', isAdmin } = requester
    const transaction = { userId, deviceId, scope: `${roomId} redact ${target}`, transactionId }
    return { event_id: await redactEvent(ctx, { roomId, sender: userId, isAdmin, target, content, transaction }) }
  },
})

export const redaction = [putRedact]
