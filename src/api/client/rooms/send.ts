import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { sendEvent } from '#services/rooms/write/send.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid */
export const putSend = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId',
  auth: 'user',
  limit: 'message',
  maxBody: 'event',
  params: Type.Object({ roomId: RoomIdText, eventType: Type.String(), txnId: Type.String({ maxLength: 255 }) }),
  query: Type.Object({ ts: Type.Optional(Type.Integer({ minimum: 0 })) }),
  body: JsonBody,
  reply: Type.Object({ event_id: EventIdText }),
  summary: 'Sends an event that is no state into a room.',
  spec: 'client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid',
  async handle(ctx, { params: { roomId, eventType: type, txnId: transactionId }, query, body }, requester) {
    // Suspended users may still redact their own events.
    if (type !== 'm.room.redaction') refuseSuspended(requester)
    const { userId, deviceId = '', isAdmin, isSuspended, appserviceId } = requester
    const eventId = await sendEvent(ctx, {
      roomId,
      type,
      sender: userId,
      isAdmin,
      isSuspended,
      content: body,
      transaction: { userId, deviceId, scope: `${roomId} ${type}`, transactionId },
      originServerTs: appserviceId === undefined ? undefined : query.ts,
    })
    return { event_id: eventId }
  },
})

export const sending = [putSend]
