import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { erasedFor, withoutContent } from '#services/rooms/read/erased-content.ts'
import { wholeRoom } from '#services/rooms/live/whole-room.ts'
import { openReading } from '#services/rooms/read/open-reading.ts'
import { renderEvents, renderState } from '#services/rooms/read/render-events.ts'
import { readState, readStateEvent } from '#services/rooms/read/state-at.ts'
import { ClientEventReply, jsonArray } from './client-event-reply.ts'
import { RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate */
export const getState = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/state',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText }),
  reply: Type.Array(ClientEventReply),
  summary: 'Lists the state of a room.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomidstate',
  async handle(ctx, { params }, { userId, deviceId }) {
    await openReading(ctx, params.roomId, userId)
    await wholeRoom(ctx, params.roomId)
    const reading = await openReading(ctx, params.roomId, userId)
    const viewer = { ...reading, deviceId, withRoomId: true }
    return new JsonText(jsonArray(await renderState(ctx, viewer, await readState(ctx, reading))))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey */
export const getStateKey = endpoint({
  method: 'GET',
  path: [
    '/_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey',
    '/_matrix/client/v3/rooms/:roomId/state/:eventType/',
    '/_matrix/client/v3/rooms/:roomId/state/:eventType',
  ],
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText, eventType: Type.String(), stateKey: Type.Optional(Type.String()) }),
  query: Type.Object({ format: Type.Union([Type.Literal('content'), Type.Literal('event')], { default: 'content' }) }),
  reply: Type.Record(Type.String(), Type.Unknown()),
  summary: "Shows one part of a room's state.",
  spec: 'client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey',
  async handle(ctx, { params: { roomId, eventType, stateKey = '' }, query }, { userId, deviceId }) {
    const before = await openReading(ctx, roomId, userId)
    const isKnown = eventType !== 'm.room.member' || before.room.entry(eventType, stateKey) !== undefined
    if (!isKnown) await wholeRoom(ctx, roomId)
    const reading = isKnown ? before : await openReading(ctx, roomId, userId)
    const event = await readStateEvent(ctx, reading, [eventType, stateKey])
    if (query.format === 'content') {
      const isErased = await erasedFor(ctx, reading, [event])
      const { clientJson } = isErased(event) ? withoutContent(event, reading.room.version) : event
      return (JSON.parse(clientJson) as { content: JsonObject }).content
    }
    const [text = ''] = await renderEvents(ctx, { ...reading, deviceId, withRoomId: true }, [event])
    return new JsonText(text)
  },
})

export const stateReads = [getState, getStateKey]
