import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { setTyping } from '#services/rooms/ephemeral/typing.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { RoomIdText, UserIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid */
export const putTyping = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/rooms/:roomId/typing/:userId',
  auth: 'user',
  limit: 'typing',
  params: Type.Object({ roomId: RoomIdText, userId: UserIdText }),
  body: Type.Object({ typing: Type.Boolean(), timeout: Type.Optional(Type.Integer()) }),
  reply: Type.Object({}),
  summary: 'Sets whether the user is typing in a room.',
  spec: 'client-server-api/#put_matrixclientv3roomsroomidtypinguserid',
  async handle(ctx, { params: { roomId, userId }, body }, requester) {
    requireSelf(requester, userId)
    await setTyping(ctx, { roomId, userId, isTyping: body.typing, timeoutMs: body.timeout })
    return {}
  },
})

export const typing = [putTyping]
