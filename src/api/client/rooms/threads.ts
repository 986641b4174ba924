import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { lastReadable, openReading } from '#services/rooms/read/open-reading.ts'
import { parsePosition, writePosition } from '#services/rooms/read/pagination-token.ts'
import { renderEvents } from '#services/rooms/read/render-events.ts'
import { listThreads } from '#services/rooms/read/threads.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { clamped } from './page-query.ts'
import { RoomIdText } from '#api/ids.ts'

const maxThreads = 100

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads */
export const getThreads = endpoint({
  method: 'GET',
  path: '/_matrix/client/v1/rooms/:roomId/threads',
  auth: 'user',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  query: Type.Object({
    include: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('participated')])),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    from: Type.Optional(Type.String()),
  }),
  reply: Type.Object({ chunk: Type.Array(ClientEventReply), next_batch: Type.Optional(Type.String()) }),
  summary: 'Lists the threads of a room.',
  spec: 'client-server-api/#get_matrixclientv1roomsroomidthreads',
  async handle(ctx, { params, query }, { userId, deviceId }) {
    const given = query.from === undefined ? undefined : parsePosition(query.from)
    const reading = await openReading(ctx, params.roomId, userId)
    const { items, position, isEnd } = await listThreads(ctx, reading, {
      from: given ?? lastReadable(reading),
      limit: clamped(query.limit ?? 20, maxThreads),
      onlyParticipated: query.include === 'participated',
    })
    return new JsonText(
      jsonObject({
        chunk: jsonArray(await renderEvents(ctx, { ...reading, deviceId, withRoomId: true }, items)),
        next_batch: isEnd ? undefined : JSON.stringify(writePosition(position)),
      }),
    )
  },
})

export const threads = [getThreads]
