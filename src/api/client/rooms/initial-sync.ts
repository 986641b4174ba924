import { Type } from '@sinclair/typebox'
import { RoomIdText } from '#api/ids.ts'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { accountDataChanges } from '#services/accounts/data/account-data.ts'
import { isPublished } from '#services/rooms/directory/directory.ts'
import { lastVisibleState, openReading } from '#services/rooms/read/open-reading.ts'
import { writePosition } from '#services/rooms/read/pagination-token.ts'
import { renderEvents, renderState } from '#services/rooms/read/render-events.ts'
import { parseRoomEventFilter } from '#services/rooms/read/room-event-filter.ts'
import { readState } from '#services/rooms/read/state-at.ts'
import { readTimeline } from '#services/rooms/read/timeline.ts'
import { ClientEventReply, jsonArray, jsonObject } from './client-event-reply.ts'
import { clamped, LimitQuery } from './page-query.ts'

const maxMessages = 100

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync */
export const getRoomInitialSync = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/initialSync',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  query: Type.Object({ limit: Type.Optional(LimitQuery) }),
  reply: Type.Object({
    room_id: Type.String(),
    membership: Type.Optional(Type.String()),
    visibility: Type.String(),
    messages: Type.Object({ start: Type.String(), end: Type.String(), chunk: Type.Array(ClientEventReply) }),
    state: Type.Array(ClientEventReply),
    account_data: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  }),
  summary: 'Shows a room: its state, its newest events and what the user keeps about it.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidinitialsync',
  async handle(ctx, { params: { roomId }, query }, { userId, deviceId }) {
    const reading = await openReading(ctx, roomId, userId)
    const from = lastVisibleState(reading)
    const limit = clamped(query.limit ?? 20, maxMessages)
    const { items, position } = await readTimeline(ctx, reading, {
      from,
      direction: 'backwards',
      limit,
      filter: parseRoomEventFilter(undefined),
    })
    const viewer = { ...reading, deviceId, withRoomId: true }
    const membership = reading.room.members.get(userId)
    const messages = jsonObject({
      start: JSON.stringify(writePosition(position)),
      end: JSON.stringify(writePosition(from)),
      chunk: jsonArray(await renderEvents(ctx, viewer, items.reverse())),
    })
    const { account_data: upTo } = await ctx.store.streams.positions()
    const { rooms } = await accountDataChanges(ctx, userId, { after: 0, upTo })
    return new JsonText(
      jsonObject({
        room_id: JSON.stringify(roomId),
        membership: membership && JSON.stringify(membership),
        visibility: JSON.stringify((await isPublished(ctx, roomId)) ? 'public' : 'private'),
        messages,
        state: jsonArray(await renderState(ctx, viewer, await readState(ctx, reading))),
        account_data: jsonArray(rooms.get(roomId) ?? []),
      }),
    )
  },
})

export const roomInitialSync = [getRoomInitialSync]
