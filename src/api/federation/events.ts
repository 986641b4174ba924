import { Type } from '@sinclair/typebox'
import { EventIdText, RoomIdText } from '#api/ids.ts'
import { endpoint, JsonPieces, JsonText } from '#http/endpoint.ts'
import { serveBackfill, serveMissingEvents } from '#services/federation/serve/history.ts'
import { serveEventAuth, serveState, serveStateIds } from '#services/federation/serve/room-state.ts'
import { serveEvent } from '#services/federation/serve/single-event.ts'
import { serveTimestampToEvent } from '#services/federation/serve/timestamp-to-event.ts'
import { EventBody } from './event-body.ts'

const InRoom = Type.Object({ roomId: RoomIdText })
const AtEvent = Type.Object({ event_id: Type.String() })
const Events = Type.Array(EventBody)
const TransactionReply = Type.Object({ origin: Type.String(), origin_server_ts: Type.Integer(), pdus: Events })

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid */
export const getBackfill = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/backfill/:roomId',
  auth: 'server',
  params: InRoom,
  query: Type.Object({ v: Type.Array(Type.String()), limit: Type.Integer() }),
  reply: TransactionReply,
  summary: 'Events of a room from some on back.',
  spec: 'server-server-api/#get_matrixfederationv1backfillroomid',
  handle: async (ctx, { params: { roomId }, query: { v: from, limit } }, { serverName: server }) =>
    new JsonText(await serveBackfill(ctx, { roomId, server, from, limit })),
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid */
export const getMissingEvents = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/get_missing_events/:roomId',
  auth: 'server',
  params: InRoom,
  body: Type.Object({
    earliest_events: Type.Array(Type.String()),
    latest_events: Type.Array(Type.String()),
    limit: Type.Optional(Type.Integer()),
    min_depth: Type.Optional(Type.Integer()),
  }),
  reply: Type.Object({ events: Events }),
  summary: 'Events of a room between some and others.',
  spec: 'server-server-api/#post_matrixfederationv1get_missing_eventsroomid',
  async handle(ctx, { params: { roomId }, body }, { serverName: server }) {
    const { earliest_events: earliest, latest_events: latest, limit = 10, min_depth: minDepth = 0 } = body
    return new JsonText(await serveMissingEvents(ctx, { roomId, server, earliest, latest, limit, minDepth }))
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1event_authroomideventid */
export const getEventAuth = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/event_auth/:roomId/:eventId',
  auth: 'server',
  params: Type.Object({ roomId: RoomIdText, eventId: Type.String() }),
  reply: Type.Object({ auth_chain: Events }),
  summary: 'The auth chain of an event.',
  spec: 'server-server-api/#get_matrixfederationv1event_authroomideventid',
  handle: async (ctx, { params }, { serverName: server }) =>
    new JsonPieces(await serveEventAuth(ctx, { ...params, server })),
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1stateroomid */
export const getStateBefore = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/state/:roomId',
  auth: 'server',
  params: InRoom,
  query: AtEvent,
  reply: Type.Object({ pdus: Events, auth_chain: Events }),
  summary: 'The state of a room before an event.',
  spec: 'server-server-api/#get_matrixfederationv1stateroomid',
  handle: async (ctx, { params: { roomId }, query: { event_id: eventId } }, { serverName: server }) =>
    new JsonPieces(await serveState(ctx, { roomId, eventId, server })),
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1state_idsroomid */
export const getStateIdsBefore = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/state_ids/:roomId',
  auth: 'server',
  params: InRoom,
  query: AtEvent,
  reply: Type.Object({ pdu_ids: Type.Array(EventIdText), auth_chain_ids: Type.Array(EventIdText) }),
  summary: 'The ids of the state of a room before an event.',
  spec: 'server-server-api/#get_matrixfederationv1state_idsroomid',
  async handle(ctx, { params: { roomId }, query: { event_id: eventId } }, { serverName: server }) {
    const { state, authChain } = await serveStateIds(ctx, { roomId, eventId, server })
    return { pdu_ids: state, auth_chain_ids: authChain }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid */
export const getSingleEvent = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/event/:eventId',
  auth: 'server',
  params: Type.Object({ eventId: Type.String() }),
  reply: TransactionReply,
  summary: 'One event.',
  spec: 'server-server-api/#get_matrixfederationv1eventeventid',
  handle: async (ctx, { params: { eventId } }, { serverName: server }) =>
    new JsonText(await serveEvent(ctx, { eventId, server })),
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid */
export const getEventByTimestamp = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/timestamp_to_event/:roomId',
  auth: 'server',
  params: InRoom,
  query: Type.Object({ ts: Type.Integer(), dir: Type.Union([Type.Literal('b'), Type.Literal('f')]) }),
  reply: Type.Object({ event_id: EventIdText, origin_server_ts: Type.Integer() }),
  summary: 'The event closest to a moment.',
  spec: 'server-server-api/#get_matrixfederationv1timestamp_to_eventroomid',
  async handle(ctx, { params: { roomId }, query: { ts, dir } }, { serverName: server }) {
    const direction = dir === 'f' ? 'forwards' : 'backwards'
    const event = await serveTimestampToEvent(ctx, { roomId, server, ts, direction })
    return { event_id: event.eventId, origin_server_ts: event.originServerTs }
  },
})

export const events = [
  getBackfill,
  getMissingEvents,
  getEventAuth,
  getStateBefore,
  getStateIdsBefore,
  getSingleEvent,
  getEventByTimestamp,
]
