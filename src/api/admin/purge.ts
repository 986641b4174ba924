import { Type } from '@sinclair/typebox'
import { badJson, invalidParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { requestRoomDeletion } from '#services/rooms/purge/delete-room.ts'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { deletionStatus, deletionStatuses, historyPurgeStatus } from '#services/rooms/purge/purge-status.ts'
import { EventIdText, RoomIdText, UserIdText } from '#api/ids.ts'

const historySpec = 'docs/admin-api.md#purging-history'
const roomSpec = 'docs/admin-api.md#deleting-a-room'

export const postPurgeHistory = endpoint({
  method: 'POST',
  path: ['/_synapse/admin/v1/purge_history/:roomId', '/_synapse/admin/v1/purge_history/:roomId/:eventId'],
  auth: 'admin',
  params: Type.Object({ roomId: RoomIdText, eventId: Type.Optional(EventIdText) }),
  body: Type.Object({
    purge_up_to_ts: Type.Optional(Type.Integer({ minimum: 0 })),
    purge_up_to_event_id: Type.Optional(EventIdText),
    delete_local_events: Type.Optional(Type.Boolean()),
  }),
  reply: Type.Object({ purge_id: Type.String() }),
  summary: 'Removes the history of a room before an event or a moment.',
  spec: historySpec,
  async handle(ctx, { params, body }) {
    const eventId = params.eventId ?? body.purge_up_to_event_id
    const ts = body.purge_up_to_ts
    const before = eventId === undefined ? (ts === undefined ? undefined : { ts }) : { eventId }
    if (!before) throw badJson('Name an event or purge_up_to_ts')
    const deleteLocal = body.delete_local_events ?? false
    return { purge_id: await requestHistoryPurge(ctx, { roomId: params.roomId, before, deleteLocal }) }
  },
})

export const getPurgeHistoryStatus = endpoint({
  method: 'GET',
  path: '/_synapse/admin/v1/purge_history_status/:purgeId',
  auth: 'admin',
  params: Type.Object({ purgeId: Type.String() }),
  reply: Type.Object({ status: Type.String() }),
  summary: 'Shows the status of a purge of history.',
  spec: historySpec,
  handle: (ctx, { params }) => historyPurgeStatus(ctx, params.purgeId),
})

export const deleteRoom = endpoint({
  method: 'DELETE',
  path: '/_synapse/admin/v2/rooms/:roomId',
  auth: 'admin',
  params: Type.Object({ roomId: RoomIdText }),
  body: Type.Object({
    block: Type.Optional(Type.Boolean()),
    purge: Type.Optional(Type.Boolean()),
    force_purge: Type.Optional(Type.Boolean()),
    new_room_user_id: Type.Optional(UserIdText),
  }),
  reply: Type.Object({ delete_id: Type.String() }),
  summary: "Makes this server's users leave a room and removes it.",
  spec: roomSpec,
  async handle(ctx, { params: { roomId }, body }, { userId }) {
    if (!/^!./.test(roomId)) throw invalidParam('That is not a room id')
    if (body.new_room_user_id !== undefined) throw invalidParam('Moving the users to a new room is not offered')
    const { block = false, purge = true, force_purge: force = false } = body
    return { delete_id: await requestRoomDeletion(ctx, { roomId, by: userId, block, purge, force }) }
  },
})

const deletion = Type.Object({
  delete_id: Type.String(),
  room_id: RoomIdText,
  status: Type.String(),
  shutdown_room: Type.Object({
    kicked_users: Type.Array(UserIdText),
    failed_to_kick_users: Type.Array(UserIdText),
    local_aliases: Type.Array(Type.String()),
    new_room_id: Type.Null(),
  }),
  error: Type.Optional(Type.String()),
})

export const getDeleteStatus = endpoint({
  method: 'GET',
  path: '/_synapse/admin/v2/rooms/delete_status/:deleteId',
  auth: 'admin',
  params: Type.Object({ deleteId: Type.String() }),
  reply: deletion,
  summary: 'Shows the status of a deletion of a room.',
  spec: roomSpec,
  handle: (ctx, { params }) => deletionStatus(ctx, params.deleteId),
})

export const getRoomDeleteStatus = endpoint({
  method: 'GET',
  path: '/_synapse/admin/v2/rooms/:roomId/delete_status',
  auth: 'admin',
  params: Type.Object({ roomId: RoomIdText }),
  reply: Type.Object({ results: Type.Array(deletion) }),
  summary: 'Shows the status of all deletions of a room.',
  spec: roomSpec,
  handle: async (ctx, { params }) => ({ results: await deletionStatuses(ctx, params.roomId) }),
})

export const purging = [postPurgeHistory, getPurgeHistoryStatus, deleteRoom, getDeleteStatus, getRoomDeleteStatus]
