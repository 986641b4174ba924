import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { parsePosition, writePosition } from '#services/rooms/read/pagination-token.ts'
import { readRelations, recursionDepth } from '#services/rooms/read/relations.ts'
import { renderEvents } from '#services/rooms/read/render-events.ts'
import { readEvent } from '#services/rooms/read/single-event.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { clamped, directionOf, DirectionQuery, LimitQuery } from './page-query.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

const maxRelations = 100

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventid */
export const getRelations = endpoint({
  method: 'GET',
  path: [
    '/_matrix/client/v1/rooms/:roomId/relations/:eventId',
    '/_matrix/client/v1/rooms/:roomId/relations/:eventId/:relType',
    '/_matrix/client/v1/rooms/:roomId/relations/:eventId/:relType/:eventType',
  ],
  auth: 'user',
  limit: 'default',
  params: Type.Object({
    roomId: RoomIdText,
    eventId: EventIdText,
    relType: Type.Optional(Type.String()),
    eventType: Type.Optional(Type.String()),
  }),
  query: Type.Object({
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    limit: Type.Optional(LimitQuery),
    dir: Type.Optional(DirectionQuery),
    recurse: Type.Optional(Type.Boolean()),
  }),
  reply: Type.Object({
    chunk: Type.Array(ClientEventReply),
    next_batch: Type.Optional(Type.String()),
    prev_batch: Type.Optional(Type.String()),
    recursion_depth: Type.Optional(Type.Integer()),
  }),
  summary: 'Pages through the events that relate to an event.',
  spec: 'client-server-api/#get_matrixclientv1roomsroomidrelationseventid',
  async handle(ctx, { params: { roomId, eventId, relType, eventType }, query }, { userId, deviceId }) {
    const direction = directionOf(query.dir ?? 'b')
    const given = query.from === undefined ? undefined : parsePosition(query.from)
    const to = query.to === undefined ? undefined : parsePosition(query.to)
    const parent = await readEvent(ctx, { roomId, eventId, userId })
    const { items, position, isEnd } = await readRelations(ctx, parent, {
      relType,
      eventType,
      isRecursive: query.recurse ?? false,
      from: given ?? (direction === 'backwards' ? parent.room.lastPosition : 0),
      to,
      direction,
      limit: clamped(query.limit ?? 10, maxRelations),
    })
    return new JsonText(
      jsonObject({
        chunk: jsonArray(await renderEvents(ctx, { ...parent, deviceId, withRoomId: true }, items)),
        next_batch: isEnd ? undefined : JSON.stringify(writePosition(position)),
        prev_batch: query.from === undefined ? undefined : JSON.stringify(query.from),
        recursion_depth: query.recurse ? String(recursionDepth) : undefined,
      }),
    )
  },
})

export const relations = [getRelations]
