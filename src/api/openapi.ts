import type { TObject, TSchema } from '@sinclair/typebox'
import type { Endpoint } from '#http/endpoint.ts'
import type { Auth } from '#http/requester.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 description of the endpoints, generated from their declarations. */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints)
    for (const path of endpoint.paths) {
      const item = (paths[path.replaceAll(/:(\w+)/g, '{$1}')] ??= {})
      item[endpoint.method.toLowerCase()] = operation(endpoint, path)
    }
  return {
    openapi: '3.1.0',
    info: { title: 'Myelin', version: '1', description: 'A Matrix homeserver, implementing Matrix v1.19.' },
    paths,
    components: { securitySchemes },
  }
}

const securitySchemes = {
  accessToken: { type: 'http', scheme: 'bearer', description: 'The access token of a user or an application service.' },
  federation: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'X-Matrix: a signature by a server.',
  },
}

const security: Record<Auth, Json[]> = {
  none: [],
  optional: [{}, { accessToken: [] }],
  user: [{ accessToken: [] }],
  guest: [{ accessToken: [] }],
  admin: [{ accessToken: [] }],
  appservice: [{ accessToken: [] }],
  server: [{ federation: [] }],
}

function operation(endpoint: Endpoint, path: string): Json {
  const { summary, spec, auth, limit = 'default', body, query, aliases } = endpoint
  return {
    summary,
    externalDocs: { url: specUrl(spec) },
    security: security[auth],
    parameters: [...pathParameters(endpoint, path), ...(query ? parameters(query, 'query') : [])],
    ...(body && { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: { 200: response(endpoint), default: errorResponse },
    'x-auth': auth,
    'x-rate-limit': limit,
    ...(aliases.length > 0 && { 'x-aliases': aliases }),
  }
}

/** Endpoints declare sections of the specification without the base URL. */
const specUrl = (spec: string) => (/^(https:|docs\/)/.test(spec) ? spec : `https://spec.matrix.org/v1.19/${spec}`)

function pathParameters({ params }: Endpoint, path: string): Json[] {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
  return names.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: params?.properties[name] ?? { type: 'string' },
  }))
}

const parameters = (schema: TObject, place: string): Json[] =>
  Object.entries<TSchema>(schema.properties).map(([name, property]) => ({
    name,
    in: place,
    required: schema.required?.includes(name) ?? false,
    ...(property.description !== undefined && { description: property.description }),
    schema: property,
  }))

const response = ({ reply }: Endpoint): Json =>
  reply
    ? { description: 'Done.', content: { 'application/json': { schema: reply } } }
    : { description: 'A file, a page or a redirect.' }

const errorResponse = {
  description: 'A refusal.',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['errcode', 'error'],
        properties: { errcode: { type: 'string' }, error: { type: 'string' } },
      },
    },
  },
}
