import { Type } from '@sinclair/typebox'
import type { Log } from '#base/log.ts'
import { endpoint } from '#http/endpoint.ts'

const spec = 'spec-tests/http'
const anything = Type.Record(Type.String(), Type.Unknown())

/** Answers the JSON object it is sent. */
export const echoBody = endpoint({
  method: 'POST',
  path: '/echo/body',
  auth: 'none',
  maxBody: 'large',
  body: anything,
  reply: anything,
  summary: 'Answers the body.',
  spec,
  handle: async (_, { body }) => body,
})

/** Answers what stands in the place of its path parameters. */
export const echoPath = endpoint({
  method: 'GET',
  path: ['/echo/path/:first', '/echo/path/:first/part/:second', '/echo/slash/:first/'],
  auth: 'none',
  params: Type.Object({ first: Type.String(), second: Type.Optional(Type.String()) }),
  reply: anything,
  summary: 'Answers the path parameters.',
  spec,
  handle: async (_, { params }) => params,
})

/** Answers the query as it was understood. */
export const echoQuery = endpoint({
  method: 'GET',
  path: '/echo/query',
  auth: 'none',
  query: Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
    ratio: Type.Optional(Type.Number()),
    recurse: Type.Optional(Type.Boolean()),
    dir: Type.Optional(Type.Union([Type.Literal('f'), Type.Literal('b')])),
    server_name: Type.Optional(Type.Array(Type.String())),
    filter: Type.String({ default: 'none' }),
  }),
  reply: anything,
  summary: 'Answers the query.',
  spec,
  handle: async (_, { query }) => query,
})

/** Answers the address that the request is counted under. */
export const echoAddress = endpoint({
  method: 'GET',
  path: '/echo/address',
  auth: 'none',
  reply: Type.Object({ ip: Type.String() }),
  summary: 'Answers the address of the client.',
  spec,
  handle: async (_, { ip }) => ({ ip }),
})

export const echoEndpoints = [echoBody, echoPath, echoQuery, echoAddress]

/** A log that keeps its errors, for tests of what goes wrong. */
export function errorLog(): { log: Log; errors: { message: string; fields: Record<string, unknown> }[] } {
  const errors: { message: string; fields: Record<string, unknown> }[] = []
  const log: Log = {
    error: (message, fields = {}) => void errors.push({ message, fields }),
    warn: () => {},
    info: () => {},
    debug: () => {},
    child: () => log,
  }
  return { log, errors }
}
