import { Type, type Static } from '@sinclair/typebox'
import { missingParam, serverNotTrusted } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { forgetRoom } from '#services/rooms/membership/forget.ts'
import { inviteUser } from '#services/rooms/membership/invite.ts'
import { joinRoom } from '#services/rooms/membership/join.ts'
import { banUser, kickUser, unbanUser } from '#services/rooms/membership/moderate.ts'
import { knockOnRoom } from '#services/rooms/membership/knock.ts'
import { leaveRoom } from '#services/rooms/membership/leave.ts'
import { listJoinedRooms } from '#services/rooms/membership/list-joined.ts'
import { resolveRoom } from '#services/rooms/directory/resolve-room.ts'
import { RoomIdText, UserIdText } from '#api/ids.ts'

const InRoom = Type.Object({ roomId: RoomIdText })
const AnyRoom = Type.Object({ roomIdOrAlias: Type.String() })
const texts = () => Type.Optional(Type.Array(Type.String()))
/** Servers that are in the room; `server_name` is the older name. */
const Via = Type.Object({ via: texts(), server_name: texts() })
const Reason = Type.Object({ reason: Type.Optional(Type.String()) })
const Target = Type.Object({ user_id: UserIdText, reason: Type.Optional(Type.String()) })
const Nothing = Type.Object({})
const JoinedRoom = Type.Object({ room_id: RoomIdText })

const viaIn = ({ via = [], server_name: older = [] }: Static<typeof Via>): string[] => [...via, ...older]

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms */
export const getJoinedRooms = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/joined_rooms',
  auth: 'user',
  limit: 'default',
  reply: Type.Object({ joined_rooms: Type.Array(RoomIdText) }),
  summary: 'Lists the rooms the user is in.',
  spec: 'client-server-api/#get_matrixclientv3joined_rooms',
  async handle(ctx, _received, { userId }) {
    return { joined_rooms: await listJoinedRooms(ctx, userId) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite */
export const postInvite = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/invite',
  auth: 'user',
  limit: 'default',
  params: InRoom,
  body: Type.Object({
    user_id: Type.Optional(UserIdText),
    reason: Type.Optional(Type.String()),
    medium: Type.Optional(Type.String()),
  }),
  reply: Nothing,
  summary: 'Invites a user to a room.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidinvite',
  async handle(ctx, { params, body }, requester) {
    refuseSuspended(requester)
    const { userId: sender } = requester
    if (body.medium !== undefined) throw serverNotTrusted()
    if (body.user_id === undefined) throw missingParam('body.user_id is missing')
    await inviteUser(ctx, { roomId: params.roomId, sender, userId: body.user_id, reason: body.reason })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin */
export const postJoin = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/join',
  auth: 'user',
  limit: 'default',
  params: InRoom,
  body: Reason,
  reply: JoinedRoom,
  summary: 'Enters a room.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidjoin',
  async handle(ctx, { params: { roomId }, body }, requester) {
    refuseSuspended(requester)
    const { userId } = requester
    await joinRoom(ctx, { roomId, userId, content: body as JsonObject })
    return { room_id: roomId }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias */
export const postJoinByAlias = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/join/:roomIdOrAlias',
  auth: 'user',
  limit: 'default',
  params: AnyRoom,
  query: Via,
  body: Reason,
  reply: JoinedRoom,
  summary: 'Enters a room that is named by id or alias.',
  spec: 'client-server-api/#post_matrixclientv3joinroomidoralias',
  async handle(ctx, { params, query, body }, requester) {
    refuseSuspended(requester)
    const { userId } = requester
    const { roomId, servers } = await resolveRoom(ctx, params.roomIdOrAlias)
    await joinRoom(ctx, { roomId, userId, content: body as JsonObject, via: [...viaIn(query), ...servers] })
    return { room_id: roomId }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias */
export const postKnock = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/knock/:roomIdOrAlias',
  auth: 'user',
  limit: 'default',
  params: AnyRoom,
  query: Via,
  body: Reason,
  reply: JoinedRoom,
  summary: 'Asks to be let into a room.',
  spec: 'client-server-api/#post_matrixclientv3knockroomidoralias',
  async handle(ctx, { params, query, body: { reason } }, requester) {
    refuseSuspended(requester)
    const { userId } = requester
    const { roomId, servers } = await resolveRoom(ctx, params.roomIdOrAlias)
    await knockOnRoom(ctx, { roomId, userId, reason, via: [...viaIn(query), ...servers] })
    return { room_id: roomId }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget */
export const postForget = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/forget',
  auth: 'user',
  limit: 'default',
  params: InRoom,
  body: Nothing,
  reply: Nothing,
  summary: 'Drops a room that was left from all the user sees.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidforget',
  async handle(ctx, { params: { roomId } }, { userId }) {
    await forgetRoom(ctx, { roomId, userId })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave */
export const postLeave = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/leave',
  auth: 'user',
  limit: 'default',
  params: InRoom,
  body: Reason,
  reply: Nothing,
  summary: 'Leaves a room, or rejects an invite to it.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidleave',
  async handle(ctx, { params: { roomId }, body: { reason } }, { userId }) {
    await leaveRoom(ctx, { roomId, userId, reason })
    return {}
  },
})

type Moderate = typeof kickUser

/** What one user does to another in a room, with a reason. */
const moderation = (action: 'kick' | 'ban' | 'unban', moderate: Moderate, summary: string) =>
  endpoint({
    method: 'POST',
    path: `/_matrix/client/v3/rooms/:roomId/${action}`,
    auth: 'user',
    limit: 'default',
    params: InRoom,
    body: Target,
    reply: Nothing,
    summary,
    spec: `client-server-api/#post_matrixclientv3roomsroomid${action}`,
    async handle(ctx, { params: { roomId }, body: { user_id: userId, reason } }, requester) {
      refuseSuspended(requester)
      await moderate(ctx, { roomId, sender: requester.userId, userId, reason })
      return {}
    },
  })

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick */
export const postKick = moderation('kick', kickUser, 'Removes a user from a room.')

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban */
export const postBan = moderation('ban', banUser, 'Removes a user from a room and keeps them out.')

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban */
export const postUnban = moderation('unban', unbanUser, 'Lifts a ban.')

export const membership = [
  getJoinedRooms,
  postInvite,
  postJoin,
  postJoinByAlias,
  postKnock,
  postForget,
  postLeave,
  postKick,
  postBan,
  postUnban,
]
