import { Type } from '@sinclair/typebox'
import { invalidParam, notFound } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { isValidRoomAlias, serverOf } from '#protocol/ids.ts'
import { createAlias, listAliases } from '#services/rooms/directory/aliases.ts'
import { deleteAlias } from '#services/rooms/directory/delete-alias.ts'
import { resolveAlias } from '#services/rooms/directory/resolve-room.ts'
import { RoomIdText } from '#api/ids.ts'

const path = '/_matrix/client/v3/directory/room/:roomAlias'
const Params = Type.Object({ roomAlias: Type.String() })
const Nothing = Type.Object({})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias */
export const putAlias = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  limit: 'default',
  params: Params,
  body: Type.Object({ room_id: RoomIdText }),
  reply: Nothing,
  summary: 'Points an alias at a room.',
  spec: 'client-server-api/#put_matrixclientv3directoryroomroomalias',
  async handle(ctx, { params: { roomAlias: alias }, body: { room_id: roomId } }, requester) {
    refuseSuspended(requester)
    const { userId: by } = requester
    await createAlias(ctx, { alias, roomId, by })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias */
export const getAlias = endpoint({
  method: 'GET',
  path,
  auth: 'optional',
  limit: 'default',
  params: Params,
  reply: Type.Object({ room_id: RoomIdText, servers: Type.Array(Type.String()) }),
  summary: 'Says which room an alias points at.',
  spec: 'client-server-api/#get_matrixclientv3directoryroomroomalias',
  async handle(ctx, { params: { roomAlias } }, requester) {
    if (!isValidRoomAlias(roomAlias)) throw invalidParam('The room alias is not valid')
    // For strangers no other server is asked.
    if (!requester && serverOf(roomAlias) !== ctx.config.server_name) throw notFound('The room alias is not known')
    const { roomId, servers } = await resolveAlias(ctx, roomAlias)
    return { room_id: roomId, servers }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias */
export const deleteAliasEndpoint = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  limit: 'default',
  params: Params,
  reply: Nothing,
  summary: 'Takes an alias away.',
  spec: 'client-server-api/#delete_matrixclientv3directoryroomroomalias',
  async handle(ctx, { params: { roomAlias: alias } }, requester) {
    refuseSuspended(requester)
    const { userId: by, isAdmin } = requester
    await deleteAlias(ctx, { alias, by, isAdmin })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases */
export const getRoomAliases = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/aliases',
  auth: 'user',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  reply: Type.Object({ aliases: Type.Array(Type.String()) }),
  summary: "Lists this server's aliases of a room.",
  spec: 'client-server-api/#get_matrixclientv3roomsroomidaliases',
  async handle(ctx, { params: { roomId } }, { userId }) {
    return { aliases: await listAliases(ctx, { roomId, userId }) }
  },
})

export const roomAliases = [putAlias, getAlias, deleteAliasEndpoint, getRoomAliases]
