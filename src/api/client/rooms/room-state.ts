import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { setState } from '#services/rooms/write/set-state.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey */
export const putState = endpoint({
  method: 'PUT',
  path: [
    '/_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey',
    '/_matrix/client/v3/rooms/:roomId/state/:eventType/',
    '/_matrix/client/v3/rooms/:roomId/state/:eventType',
  ],
  auth: 'user',
  limit: 'message',
  params: Type.Object({ roomId: RoomIdText, eventType: Type.String(), stateKey: Type.Optional(Type.String()) }),
  query: Type.Object({ ts: Type.Optional(Type.Integer({ minimum: 0 })) }),
  body: JsonBody,
  reply: Type.Object({ event_id: EventIdText }),
  summary: "Sets a part of a room's state.",
  spec: 'client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey',
  async handle(ctx, { params: { roomId, eventType: type, stateKey = '' }, query, body: content }, requester) {
    const { userId: sender, appserviceId } = requester
    const isLeaving = type === 'm.room.member' && stateKey === sender && content.membership === 'leave'
    if (!isLeaving) refuseSuspended(requester)
    const originServerTs = appserviceId === undefined ? undefined : query.ts
    return { event_id: await setState(ctx, { roomId, type, stateKey, sender, content, originServerTs }) }
  },
})

export const stateChanges = [putState]
