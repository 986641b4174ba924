import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { openReading } from '#services/rooms/read/open-reading.ts'
import { findByTimestamp } from '#services/federation/history/find-by-timestamp.ts'
import { directionOf, DirectionQuery } from './page-query.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event */
export const getTimestampToEvent = endpoint({
  method: 'GET',
  path: '/_matrix/client/v1/rooms/:roomId/timestamp_to_event',
  auth: 'user',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  query: Type.Object({ ts: Type.Integer(), dir: DirectionQuery }),
  reply: Type.Object({ event_id: EventIdText, origin_server_ts: Type.Integer() }),
  summary: 'Finds the event closest to a moment.',
  spec: 'client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event',
  async handle(ctx, { params, query: { ts, dir } }, { userId }) {
    const reading = await openReading(ctx, params.roomId, userId)
    const { eventId, originServerTs } = await findByTimestamp(ctx, reading, { ts, direction: directionOf(dir) })
    return { event_id: eventId, origin_server_ts: originServerTs }
  },
})

export const timestampToEvent = [getTimestampToEvent]
