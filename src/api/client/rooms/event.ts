import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { renderEvents } from '#services/rooms/read/render-events.ts'
import { readEvent } from '#services/rooms/read/single-event.ts'
import { ClientEventReply } from './client-event-reply.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid */
export const getEvent = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/rooms/:roomId/event/:eventId',
  auth: 'guest',
  limit: 'default',
  params: Type.Object({ roomId: RoomIdText, eventId: EventIdText }),
  reply: ClientEventReply,
  summary: 'Shows one event.',
  spec: 'client-server-api/#get_matrixclientv3roomsroomideventeventid',
  async handle(ctx, { params: { roomId, eventId } }, { userId, deviceId }) {
    const { event, ...reader } = await readEvent(ctx, { roomId, eventId, userId })
    const [text = ''] = await renderEvents(ctx, { ...reader, deviceId, withRoomId: true }, [event])
    return new JsonText(text)
  },
})

export const singleEvent = [getEvent]
