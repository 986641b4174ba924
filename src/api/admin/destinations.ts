import { Type } from '@sinclair/typebox'
import { invalidParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import {
  findDestination,
  listDestinationRooms,
  listDestinations,
  resetDestination,
  type DestinationStatus,
} from '#services/federation/send/list-destinations.ts'
import { RoomIdText } from '#api/ids.ts'

const path = '/_synapse/admin/v1/federation/destinations'
const spec = 'docs/admin-api.md#other-servers'
const params = Type.Object({ destination: Type.String({ maxLength: 255 }) })

const destination = Type.Object({
  destination: Type.String(),
  retry_last_ts: Type.Integer(),
  retry_interval: Type.Integer(),
  failure_ts: Type.Union([Type.Integer(), Type.Null()]),
  last_successful_stream_ordering: Type.Union([Type.Integer(), Type.Null()]),
  retry_at: Type.Union([Type.Integer(), Type.Null()]),
  last_error: Type.Union([Type.String(), Type.Null()]),
  pending_rooms: Type.Integer(),
  pending_edus: Type.Integer(),
  pending_edu_bytes: Type.Integer(),
})

const page = {
  from: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  limit: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  dir: Type.Optional(Type.Union([Type.Literal('f'), Type.Literal('b')])),
}
const orders = [
  'destination',
  'retry_last_ts',
  'retry_interval',
  'failure_ts',
  'last_successful_stream_ordering',
] as const

const defaultLimit = 100
/** Larger pages are cut. */
const maxLimit = 1000

type Page = { from?: number; limit?: number; dir?: 'f' | 'b' }

const rangeOf = ({ from = 0, limit = defaultLimit, dir = 'f' }: Page) => ({
  from,
  limit: Math.min(limit, maxLimit),
  direction: dir === 'f' ? ('asc' as const) : ('desc' as const),
})

const nextToken = ({ from }: { from: number }, count: number, total: number) =>
  from + count < total && count > 0 ? { next_token: String(from + count) } : {}

const shown = ({ serverName, lastSent, backoff, pending }: DestinationStatus) => ({
  destination: serverName,
  retry_last_ts: backoff?.triedAt ?? 0,
  retry_interval: backoff?.interval ?? 0,
  failure_ts: backoff?.failingSince ?? null,
  last_successful_stream_ordering: lastSent === 0 ? null : lastSent,
  retry_at: backoff?.retryAt ?? null,
  last_error: backoff?.error ?? null,
  pending_rooms: pending.rooms,
  pending_edus: pending.edus,
  pending_edu_bytes: pending.eduBytes,
})

export const getDestinations = endpoint({
  method: 'GET',
  path,
  auth: 'admin',
  query: Type.Object({
    ...page,
    order_by: Type.Optional(Type.Union(orders.map((order) => Type.Literal(order)))),
    destination: Type.Optional(Type.String({ maxLength: 255 })),
  }),
  reply: Type.Object({
    destinations: Type.Array(destination),
    total: Type.Integer(),
    next_token: Type.Optional(Type.String()),
  }),
  summary: 'Lists the servers that something was sent to, what waits for them, and why.',
  spec,
  async handle(ctx, { query }) {
    const range = rangeOf(query)
    const orderBy = query.order_by ?? 'destination'
    const contains = query.destination?.toLowerCase()
    const { destinations, total } = await listDestinations(ctx, { ...range, orderBy, contains })
    return { destinations: destinations.map(shown), total, ...nextToken(range, destinations.length, total) }
  },
})

export const getDestination = endpoint({
  method: 'GET',
  path: `${path}/:destination`,
  auth: 'admin',
  params,
  reply: destination,
  summary: 'Tells how it stands with a server that something was sent to.',
  spec,
  handle: async (ctx, { params: { destination: server } }) => shown(await findDestination(ctx, server)),
})

export const getDestinationRooms = endpoint({
  method: 'GET',
  path: `${path}/:destination/rooms`,
  auth: 'admin',
  params,
  query: Type.Object(page),
  reply: Type.Object({
    rooms: Type.Array(Type.Object({ room_id: RoomIdText, stream_ordering: Type.Integer() })),
    total: Type.Integer(),
    next_token: Type.Optional(Type.String()),
  }),
  summary: 'Lists the rooms of which something was sent to a server, with the newest position.',
  spec,
  async handle(ctx, { params: { destination: server }, query }) {
    const range = rangeOf(query)
    const { rooms, total } = await listDestinationRooms(ctx, server, range)
    return {
      rooms: rooms.map(({ roomId, position }) => ({ room_id: roomId, stream_ordering: position })),
      total,
      ...nextToken(range, rooms.length, total),
    }
  },
})

export const postResetConnection = endpoint({
  method: 'POST',
  path: `${path}/:destination/reset_connection`,
  auth: 'admin',
  params,
  body: Type.Object({}),
  reply: Type.Object({}),
  summary: 'Tries a server that does not answer again at once.',
  spec,
  async handle(ctx, { params: { destination: server } }) {
    if (!(await resetDestination(ctx, server)))
      throw invalidParam('The retry timing does not need to be reset for this destination.')
    return {}
  },
})

export const destinations = [getDestinations, getDestination, getDestinationRooms, postResetConnection]
