import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { listJoinedMembers, listMembers } from '#services/rooms/read/list-members.ts'
import { openReading } from '#services/rooms/read/open-reading.ts'
import { parsePosition } from '#services/rooms/read/pagination-token.ts'
import { renderState } from '#services/rooms/read/render-events.ts'
import { wholeRoom } from '#services/rooms/live/whole-room.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { ByUser, RoomIdText } from '#api/ids.ts'

const MembershipQuery = Type.Union(
  (['join', 'invite', 'knock', 'leave', 'ban'] as const).map((membership) => Type.Literal(membership)),
)

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers */
export const getMembers = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/members',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  query: Type.Object({
    at: Type.Optional(Type.String()),
    membership: Type.Optional(MembershipQuery),
    not_membership: Type.Optional(MembershipQuery),
  }),
  reply: Type.Object({ chunk: Type.Array(ClientEventReply) }),
  summary: 'Lists the member events of a room.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidmembers',
  async handle(ctx, { params, query }, { userId, deviceId }) {
    const at = query.at === undefined ? undefined : parsePosition(query.at)
    await openReading(ctx, params.roomId, userId)
    await wholeRoom(ctx, params.roomId)
    const reading = await openReading(ctx, params.roomId, userId)
    const { membership, not_membership: notMembership } = query
    const events = await listMembers(ctx, reading, { at, membership, notMembership })
    const viewer = { ...reading, deviceId, withRoomId: true }
    return new JsonText(jsonObject({ chunk: jsonArray(await renderState(ctx, viewer, events)) }))
  },
})

const JoinedMember = Type.Object({
  // NOTSPEC: null where the member has none: clients rely on the keys.
  display_name: Type.Union([Type.String(), Type.Null()]),
  avatar_url: Type.Union([Type.String(), Type.Null()]),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members */
export const getJoinedMembers = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/joined_members',
  auth: 'user',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  reply: Type.Object({ joined: ByUser(JoinedMember) }),
  summary: 'Lists who is in a room.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidjoined_members',
  async handle(ctx, { params }, { userId }) {
    await requireJoined(ctx, params.roomId, userId)
    await wholeRoom(ctx, params.roomId)
    const room = await requireJoined(ctx, params.roomId, userId)
    const members = await listJoinedMembers(ctx, room)
    const entries = members.map(
      (member) =>
        [member.userId, { display_name: member.displayName ?? null, avatar_url: member.avatarUrl ?? null }] as const,
    )
    return { joined: Object.fromEntries(entries) }
  },
})

export const members = [getMembers, getJoinedMembers]
