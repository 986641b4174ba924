import { Type } from '@sinclair/typebox'
import { missingToken, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { isPublished, publishRoom, type DirectoryQuery } from '#services/rooms/directory/directory.ts'
import { askPublicRooms } from '#services/remote/remote-rooms.ts'
import { isValidServerName } from '#protocol/ids.ts'
import { clampLimit, PublicRoomsPage, readPage } from '#api/public-rooms.ts'
import { RoomIdText } from '#api/ids.ts'

const Limit = Type.Optional(Type.Integer({ minimum: 0 }))
const Server = Type.Optional(Type.String())
const Visibility = Type.Union([Type.Literal('public'), Type.Literal('private')])

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms */
export const getPublicRooms = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/publicRooms',
  auth: 'optional',
  limit: 'default',
  query: Type.Object({ limit: Limit, since: Type.Optional(Type.String()), server: Server }),
  reply: PublicRoomsPage,
  summary: 'Lists the published rooms.',
  spec: 'client-server-api/#get_matrixclientv3publicrooms',
  async handle(ctx, { query: { limit, since, server } }, requester) {
    // For strangers no other server is asked.
    if (!requester && server !== undefined && server !== ctx.config.server_name) throw missingToken()
    return pageOf(ctx, server, { limit: clampLimit(limit), since })
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms */
export const postPublicRooms = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/publicRooms',
  auth: 'user',
  limit: 'default',
  query: Type.Object({ server: Server }),
  body: Type.Object({
    limit: Limit,
    since: Type.Optional(Type.String()),
    filter: Type.Optional(
      Type.Object({
        generic_search_term: Type.Optional(Type.String()),
        room_types: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Null()]))),
      }),
    ),
  }),
  reply: PublicRoomsPage,
  summary: 'Searches the published rooms.',
  spec: 'client-server-api/#post_matrixclientv3publicrooms',
  async handle(ctx, { query: { server }, body: { limit, since, filter = {} } }) {
    const { generic_search_term: term, room_types: roomTypes } = filter
    const query = { limit: clampLimit(limit), since, term: term === '' ? undefined : term, roomTypes }
    return pageOf(ctx, server, query)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directorylistroomroomid */
export const getVisibility = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/directory/list/room/:roomId',
  auth: 'none',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  reply: Type.Object({ visibility: Visibility }),
  summary: 'Says whether a room is published.',
  spec: 'client-server-api/#get_matrixclientv3directorylistroomroomid',
  async handle(ctx, { params: { roomId } }) {
    return { visibility: (await isPublished(ctx, roomId)) ? ('public' as const) : ('private' as const) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid */
export const putVisibility = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/directory/list/room/:roomId',
  auth: 'user',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  body: Type.Object({ visibility: Type.Optional(Visibility) }),
  reply: Type.Object({}),
  summary: 'Publishes a room, or no longer.',
  spec: 'client-server-api/#put_matrixclientv3directorylistroomroomid',
  async handle(ctx, { params: { roomId }, body: { visibility } }, requester) {
    refuseSuspended(requester)
    const { userId: by, isAdmin } = requester
    await publishRoom(ctx, { roomId, by, isAdmin, isPublished: visibility !== 'private' })
    return {}
  },
})

/** A page of our list, or of another server's. */
async function pageOf(ctx: Context, server: string | undefined, query: DirectoryQuery) {
  if (server === undefined || server === ctx.config.server_name) return readPage(ctx, query)
  if (!isValidServerName(server)) throw notFound('The server is not known')
  return askPublicRooms(ctx, server, query)
}

export const roomDirectory = [getPublicRooms, postPublicRooms, getVisibility, putVisibility]
