import { Type } from '@sinclair/typebox'
import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { isPublished, listPublicRooms, publishRoom, type DirectoryQuery } from '#services/rooms/directory/directory.ts'
import type { RoomEntry } from '#services/rooms/directory/room-entries.ts'
import { RoomIdText } from '#api/ids.ts'

const Entry = Type.Object({
  room_id: RoomIdText,
  num_joined_members: Type.Integer(),
  world_readable: Type.Boolean(),
  guest_can_join: Type.Boolean(),
  join_rule: Type.String(),
  room_type: Type.Optional(Type.String()),
  canonical_alias: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  avatar_url: Type.Optional(Type.String()),
})
const Page = Type.Object({
  chunk: Type.Array(Entry),
  next_batch: Type.Optional(Type.String()),
  prev_batch: Type.Optional(Type.String()),
  total_room_count_estimate: Type.Integer(),
})
const Limit = Type.Optional(Type.Integer({ minimum: 0 }))
const Server = Type.Optional(Type.String())
const Visibility = Type.Union([Type.Literal('public'), Type.Literal('private')])

const defaultLimit = 100
const maxLimit = 500

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms */
export const getPublicRooms = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/publicRooms',
  auth: 'none',
  limit: 'default',
  query: Type.Object({ limit: Limit, since: Type.Optional(Type.String()), server: Server }),
  reply: Page,
  summary: 'Lists the published rooms.',
  spec: 'client-server-api/#get_matrixclientv3publicrooms',
  async handle(ctx, { query: { limit, since, server } }) {
    refuseOtherServer(ctx, server)
    return readPage(ctx, { limit: clamp(limit), since })
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
  reply: Page,
  summary: 'Searches the published rooms.',
  spec: 'client-server-api/#post_matrixclientv3publicrooms',
  async handle(ctx, { query: { server }, body: { limit, since, filter = {} } }) {
    refuseOtherServer(ctx, server)
    const { generic_search_term: term, room_types: roomTypes } = filter
    return readPage(ctx, { limit: clamp(limit), since, term: term === '' ? undefined : term, roomTypes })
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

/** Lists of other servers need federation. */
function refuseOtherServer(ctx: Context, server: string | undefined): void {
  if (server !== undefined && server !== ctx.config.server_name) throw notFound('The server is not known')
}

const clamp = (limit = defaultLimit) => Math.min(Math.max(limit, 1), maxLimit)

async function readPage(ctx: Context, query: DirectoryQuery) {
  const { entries, next, previous, total } = await listPublicRooms(ctx, query)
  return {
    chunk: entries.map(toEntry),
    ...(next !== undefined && { next_batch: next }),
    ...(previous !== undefined && { prev_batch: previous }),
    total_room_count_estimate: total,
  }
}

/** The entry of the response; absent state is left out. */
const toEntry = (entry: RoomEntry) => ({
  room_id: entry.roomId,
  num_joined_members: entry.joinedMembers,
  world_readable: entry.isWorldReadable,
  guest_can_join: entry.guestsCanJoin,
  join_rule: entry.joinRule,
  ...(entry.roomType !== undefined && { room_type: entry.roomType }),
  ...(entry.canonicalAlias !== undefined && { canonical_alias: entry.canonicalAlias }),
  ...(entry.name !== undefined && { name: entry.name }),
  ...(entry.topic !== undefined && { topic: entry.topic }),
  ...(entry.avatarUrl !== undefined && { avatar_url: entry.avatarUrl }),
})

export const roomDirectory = [getPublicRooms, postPublicRooms, getVisibility, putVisibility]
