import { Type } from '@sinclair/typebox'
import { missingParam } from '#base/errors.ts'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { membersOfSenders } from '#services/rooms/read/members-of-senders.ts'
import { lastReadable, openReading } from '#services/rooms/read/open-reading.ts'
import { parsePosition, writePosition } from '#services/rooms/read/pagination-token.ts'
import { renderEvents, renderState } from '#services/rooms/read/render-events.ts'
import { parseRoomEventFilter } from '#services/rooms/read/room-event-filter.ts'
import { readWithHistory } from '#services/federation/history/read-with-history.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { clamped, directionOf, DirectionQuery, LimitQuery } from './page-query.ts'
import { RoomIdText } from '#api/ids.ts'

const maxMessages = 1000

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages */
export const getMessages = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/messages',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  query: Type.Object({
    dir: Type.Optional(DirectionQuery),
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    limit: Type.Optional(LimitQuery),
    filter: Type.Optional(Type.String()),
  }),
  reply: Type.Object({
    start: Type.String(),
    end: Type.Optional(Type.String()),
    chunk: Type.Array(ClientEventReply),
    state: Type.Optional(Type.Array(ClientEventReply)),
  }),
  summary: 'Pages through the events of a room.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidmessages',
  async handle(ctx, { params, query }, { userId, deviceId }) {
    const filter = parseRoomEventFilter(query.filter)
    const to = query.to === undefined ? undefined : parsePosition(query.to)
    const given = query.from === undefined ? undefined : parsePosition(query.from)
    const reading = await openReading(ctx, params.roomId, userId)
    // After the access check: users who may not read the room get its error first.
    if (query.dir === undefined) throw missingParam('query.dir is missing')
    const direction = directionOf(query.dir)
    const from = given ?? (direction === 'backwards' ? lastReadable(reading) : 0)
    const limit = clamped(query.limit ?? 10, maxMessages)
    const { items, position, isEnd } = await readWithHistory(ctx, reading, { from, to, direction, limit, filter })
    const members = filter.lazyLoadMembers ? await membersOfSenders(ctx, reading, items) : undefined
    const viewer = { ...reading, deviceId, withRoomId: true }
    return new JsonText(
      jsonObject({
        start: JSON.stringify(query.from ?? writePosition(from)),
        // NOTSPEC: `end` is left out of an empty page only. mautrix-python needs it on every page with events, and a
        // client that stops where it is absent asks once more and gets an empty page.
        end: isEnd && items.length === 0 ? undefined : JSON.stringify(writePosition(position)),
        chunk: jsonArray(await renderEvents(ctx, viewer, items)),
        state: members && jsonArray(await renderState(ctx, viewer, members)),
      }),
    )
  },
})

export const messages = [getMessages]
