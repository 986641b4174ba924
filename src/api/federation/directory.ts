import { Type } from '@sinclair/typebox'
import { clampLimit, PublicRoomsPage, readPage } from '#api/public-rooms.ts'
import { RoomIdText, UserIdText } from '#api/ids.ts'
import { forbidden, invalidParam, unrecognized } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import { isValidUserId } from '#protocol/ids.ts'
import { findProfile } from '#services/accounts/profile/profile.ts'
import { requireLocalAlias } from '#services/rooms/directory/aliases.ts'
import { resolveAlias } from '#services/rooms/directory/resolve-room.ts'

const Limit = Type.Optional(Type.Integer({ minimum: 0 }))
const Text = Type.Optional(Type.String())

function requireShared({ config }: Context): void {
  if (!config.federation.share_public_rooms) throw forbidden('This server does not share its list of rooms')
}

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms */
export const getPublicRooms = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/publicRooms',
  auth: 'server',
  query: Type.Object({ limit: Limit, since: Text, include_all_networks: Text, third_party_instance_id: Text }),
  reply: PublicRoomsPage,
  summary: 'Lists the published rooms for another server.',
  spec: 'server-server-api/#get_matrixfederationv1publicrooms',
  async handle(ctx, { query: { limit, since } }) {
    requireShared(ctx)
    return readPage(ctx, { limit: clampLimit(limit), since })
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms */
export const postPublicRooms = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/publicRooms',
  auth: 'server',
  body: Type.Object({
    limit: Limit,
    since: Text,
    filter: Type.Optional(
      Type.Object({
        generic_search_term: Text,
        room_types: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Null()]))),
      }),
    ),
  }),
  reply: PublicRoomsPage,
  summary: 'Searches the published rooms for another server.',
  spec: 'server-server-api/#post_matrixfederationv1publicrooms',
  async handle(ctx, { body: { limit, since, filter = {} } }) {
    requireShared(ctx)
    const { generic_search_term: term, room_types: roomTypes } = filter
    return readPage(ctx, { limit: clampLimit(limit), since, term: term === '' ? undefined : term, roomTypes })
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory */
export const queryDirectory = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/directory',
  auth: 'server',
  query: Type.Object({ room_alias: Type.String() }),
  reply: Type.Object({ room_id: RoomIdText, servers: Type.Array(Type.String()) }),
  summary: 'Says which room an alias of this server points at.',
  spec: 'server-server-api/#get_matrixfederationv1querydirectory',
  async handle(ctx, { query }) {
    const { roomId, servers } = await resolveAlias(ctx, requireLocalAlias(ctx, query.room_alias))
    return { room_id: roomId, servers }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile */
export const queryProfile = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/profile',
  auth: 'server',
  query: Type.Object({ user_id: UserIdText, field: Text }),
  reply: Type.Object({}, { additionalProperties: true }),
  summary: 'The profile of a user of this server.',
  spec: 'server-server-api/#get_matrixfederationv1queryprofile',
  async handle(ctx, { query: { user_id: userId, field } }) {
    if (!isValidUserId(userId)) throw invalidParam('The user id is not valid')
    const profile = await findProfile(ctx, userId)
    if (field === undefined) return profile
    if (field === '') throw invalidParam('The field has no name')
    return Object.hasOwn(profile, field) ? { [field]: profile[field] } : {}
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryquerytype */
export const queryOther = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/:queryType',
  auth: 'server',
  params: Type.Object({ queryType: Type.String() }),
  reply: Type.Object({}),
  summary: 'Refuses queries of other types.',
  spec: 'server-server-api/#get_matrixfederationv1queryquerytype',
  async handle() {
    throw unrecognized('There are no queries of this type')
  },
})

export const directory = [getPublicRooms, postPublicRooms, queryDirectory, queryProfile, queryOther]
