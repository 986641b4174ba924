import { Type } from '@sinclair/typebox'
import { accountLimits, encryptionLimits, federationLimits, pushLimits } from './user-limits.ts'

const closed = { additionalProperties: false, default: {} }

const bucket = (perSecond: number, burst: number, what: string) =>
  Type.Object(
    {
      per_second: Type.Number({
        default: perSecond,
        exclusiveMinimum: 0,
        description: `${what} a second in the long run.`,
      }),
      burst: Type.Integer({ default: burst, minimum: 1, description: `${what} at once.` }),
    },
    { ...closed, description: `${what}.` },
  )

export const rateLimits = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description: 'Whether requests are limited at all; off only for tests.',
      testsOnly: false,
    }),
    login: bucket(0.2, 10, 'Login attempts of one address or account'),
    bad_token: bucket(5, 200, 'Requests with an unknown access token from one address'),
    register: bucket(0.1, 10, 'Registrations from one address'),
    message: bucket(10, 60, 'Events one user sends'),
    join: bucket(1, 30, 'Joins and knocks of one user, by whatever request'),
    invite: bucket(1, 30, 'Invites of one user, by whatever request'),
    room_create: bucket(0.5, 20, 'Rooms one user creates'),
    keys: bucket(10, 200, 'Device key requests of one user'),
    key_query: bucket(1, 50, 'Requests from one address for keys of servers that are unknown here'),
    typing: bucket(5, 30, 'Typing notifications of one user'),
    presence: bucket(2, 20, 'Changes of presence of one user'),
    default: bucket(50, 300, 'Other requests of one user'),
  },
  closed,
)

const bodySize = (bytes: number, minimum: number, what: string) =>
  Type.Integer({ default: bytes, minimum, description: `${what}, in bytes.` })

const bodyLimits = {
  small_body_bytes: bodySize(16_384, 1024, 'Largest JSON body of most requests'),
  medium_body_bytes: bodySize(
    65_536,
    16_384,
    'Largest JSON body of requests that carry lists, such as filters and push rules',
  ),
  event_body_bytes: bodySize(
    196_608,
    65_536,
    'Largest JSON body of one event: 64 KiB, with letters written as escapes',
  ),
  body_bytes: bodySize(
    1_048_576,
    65_536,
    'Largest JSON body of a client: of keys, backups, account data, new rooms and to-device messages',
  ),
  transaction_body_bytes: bodySize(
    8_388_608,
    4_194_304,
    'Largest JSON body of a transaction of another server: 50 events of 64 KiB and 100 EDUs that are not all as large',
  ),
}

const connectionLimits = {
  connections: Type.Integer({ default: 16_384, minimum: 16, description: 'Connections open at once, in all.' }),
  connections_per_address: Type.Integer({
    default: 4096,
    minimum: 8,
    description: 'Connections open at once from one address that is no trusted proxy.',
  }),
  arriving_bytes: Type.Integer({
    default: 67_108_864,
    minimum: 65_536,
    description: 'Memory for bodies that have not arrived whole, in bytes, in all.',
  }),
  arriving_bytes_per_address: Type.Integer({
    default: 8_388_608,
    minimum: 65_536,
    description: 'Memory for bodies that have not arrived whole, in bytes, for one client address.',
  }),
  body_timeout_ms: Type.Integer({
    default: 30_000,
    minimum: 100,
    description: 'How long a JSON body may take to arrive.',
  }),
  unsent_bytes: Type.Integer({
    default: 268_435_456,
    minimum: 65_536,
    description: 'Answers that clients have not taken, in bytes, in all; beyond it the largest debtors are cut off.',
  }),
  unsent_bytes_per_address: Type.Integer({
    default: 67_108_864,
    minimum: 65_536,
    description: 'Answers that clients at one address have not taken, in bytes; a single answer may be larger.',
  }),
  unsent_bytes_per_connection: Type.Integer({
    default: 33_554_432,
    minimum: 65_536,
    description: 'Answers that wait in one connection, in bytes; a single answer may be larger.',
  }),
  unsent_timeout_ms: Type.Integer({
    default: 60_000,
    minimum: 100,
    description: 'How long a client may take nothing of an answer before it is cut off.',
  }),
}

export const limits = Type.Object(
  {
    ...bodyLimits,
    json_depth: Type.Integer({ default: 200, minimum: 20, description: 'Deepest nesting of JSON accepted.' }),
    json_values: Type.Integer({
      default: 65_536,
      minimum: 1024,
      description: 'Most keys, items and containers in one JSON body: what parsing and checking it costs.',
    }),
    ...connectionLimits,
    devices_per_user: Type.Integer({ default: 1000, minimum: 1, description: 'Devices one account may have.' }),
    ...accountLimits,
    ...encryptionLimits,
    ...pushLimits,
    ...federationLimits,
  },
  closed,
)
