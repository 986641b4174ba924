import { Type } from '@sinclair/typebox'
import { invalidParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { setFullyRead, setReadMarkers } from '#services/rooms/ephemeral/read-markers.ts'
import { setReceipt } from '#services/rooms/ephemeral/receipts.ts'
import { EventIdText, RoomIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid */
export const postReceipt = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/receipt/:receiptType/:eventId',
  auth: 'user',
  params: Type.Object({
    roomId: RoomIdText,
    receiptType: Type.Union([Type.Literal('m.read'), Type.Literal('m.read.private'), Type.Literal('m.fully_read')]),
    eventId: EventIdText,
  }),
  body: Type.Object({ thread_id: Type.Optional(Type.Unknown()) }),
  reply: Type.Object({}),
  summary: 'Sets the receipt of the user in a room or in one of its threads.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid',
  async handle(ctx, { params: { roomId, receiptType: type, eventId }, body }, { userId }) {
    const threadId = body.thread_id
    if (threadId !== undefined && typeof threadId !== 'string') throw invalidParam('The thread id must be a string')
    if (type !== 'm.fully_read') {
      await setReceipt(ctx, { roomId, userId, type, eventId, threadId })
      return {}
    }
    if (threadId !== undefined) throw invalidParam('A fully read marker belongs to no thread')
    await setFullyRead(ctx, { roomId, userId, eventId })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers */
export const postReadMarkers = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/rooms/:roomId/read_markers',
  auth: 'user',
  params: Type.Object({ roomId: RoomIdText }),
  body: Type.Object({
    'm.fully_read': Type.Optional(EventIdText),
    'm.read': Type.Optional(EventIdText),
    'm.read.private': Type.Optional(EventIdText),
    'org.matrix.msc2285.read.private': Type.Optional(EventIdText),
  }),
  reply: Type.Object({}),
  summary: 'Moves the marker of what is fully read, and receipts with it.',
  spec: 'client-server-api/#post_matrixclientv3roomsroomidread_markers',
  async handle(ctx, { params: { roomId }, body }, { userId }) {
    await setReadMarkers(ctx, {
      roomId,
      userId,
      fullyRead: body['m.fully_read'],
      read: body['m.read'],
      readPrivate: body['m.read.private'] ?? body['org.matrix.msc2285.read.private'],
    })
    return {}
  },
})

export const receipts = [postReceipt, postReadMarkers]
