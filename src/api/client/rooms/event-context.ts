import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { readContext } from '#services/rooms/read/event-context.ts'
import { openReading } from '#services/rooms/read/open-reading.ts'
import { writePosition } from '#services/rooms/read/pagination-token.ts'
import { renderEvents, renderState } from '#services/rooms/read/render-events.ts'
import { parseRoomEventFilter } from '#services/rooms/read/room-event-filter.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { LimitQuery } from './page-query.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

const maxContext = 100

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid */
export const getContext = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/context/:eventId',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText, eventId: EventIdText }),
  query: Type.Object({ limit: Type.Optional(LimitQuery), filter: Type.Optional(Type.String()) }),
  reply: Type.Object({
    start: Type.String(),
    end: Type.String(),
    events_before: Type.Array(ClientEventReply),
    event: ClientEventReply,
    events_after: Type.Array(ClientEventReply),
    state: Type.Array(ClientEventReply),
  }),
  summary: 'Shows what happened around an event.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidcontexteventid',
  async handle(ctx, { params: { roomId, eventId }, query }, { userId, deviceId }) {
    const filter = parseRoomEventFilter(query.filter)
    const limit = Math.min(query.limit ?? 10, maxContext)
    const reading = await openReading(ctx, roomId, userId)
    const { event, before, after, state, start, end } = await readContext(ctx, reading, { eventId, limit, filter })
    const viewer = { ...reading, deviceId, withRoomId: true }
    const [first = '', ...others] = await renderEvents(ctx, viewer, [event, ...before, ...after])
    return new JsonText(
      jsonObject({
        start: JSON.stringify(writePosition(start)),
        end: JSON.stringify(writePosition(end)),
        events_before: jsonArray(others.slice(0, before.length)),
        event: first,
        events_after: jsonArray(others.slice(before.length)),
        state: jsonArray(await renderState(ctx, viewer, state)),
      }),
    )
  },
})

export const context = [getContext]
