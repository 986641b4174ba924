import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { upgradeRoom } from '#services/rooms/upgrade/upgrade.ts'
import { UserIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidupgrade */
export const postUpgrade = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/upgrade',
  auth: 'user',
  limit: 'room_create',
  params: Type.Object({ roomId: RoomIdText }),
  body: Type.Object({
    new_version: Type.String(),
    additional_creators: Type.Optional(Type.Array(UserIdText, { maxItems: 500 })),
  }),
  reply: Type.Object({ replacement_room: Type.String() }),
  summary: 'Replaces a room by one of another version.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidupgrade',
  async handle(ctx, { params: { roomId }, body }, requester) {
    refuseSuspended(requester)
    const { userId: by } = requester
    const { new_version: newVersion, additional_creators: additionalCreators = [] } = body
    return { replacement_room: await upgradeRoom(ctx, { roomId, by, newVersion, additionalCreators }) }
  },
})

export const roomUpgrades = [postUpgrade]
