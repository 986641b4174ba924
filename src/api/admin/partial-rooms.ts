import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { listPartialRooms, type PartialRoomStatus } from '#services/federation/join/list-partial-rooms.ts'

const pageSize = 100

const count = Type.Union([Type.Integer(), Type.Null()])

const shown = ({ roomId, since, members, events, attempts, error }: PartialRoomStatus) => ({
  room_id: roomId,
  since,
  members,
  state_events: events,
  attempts,
  last_error: error,
})

export const getPartialRooms = endpoint({
  method: 'GET',
  path: '/_synapse/admin/v1/partial_rooms',
  auth: 'admin',
  query: Type.Object({ from: Type.Optional(Type.String({ maxLength: 255 })) }),
  reply: Type.Object({
    rooms: Type.Array(
      Type.Object({
        room_id: Type.String(),
        since: count,
        members: count,
        state_events: count,
        attempts: Type.Integer(),
        last_error: Type.Union([Type.String(), Type.Null()]),
      }),
    ),
    next_token: Type.Optional(Type.String()),
  }),
  summary: 'Lists rooms of other servers whose members are still being fetched.',
  spec: 'docs/admin-api.md#rooms-whose-members-are-still-to-come',
  async handle(ctx, { query: { from = '' } }) {
    const rooms = await listPartialRooms(ctx, { after: from, limit: pageSize })
    const last = rooms.length === pageSize ? rooms.at(-1) : undefined
    return { rooms: rooms.map(shown), ...(last && { next_token: last.roomId }) }
  },
})
