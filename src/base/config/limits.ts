import { Type } from '@sinclair/typebox'

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
    register: bucket(0.1, 10, 'Registrations from one address'),
    message: bucket(10, 60, 'Events one user sends'),
    join: bucket(1, 30, 'Joins of one user'),
    invite: bucket(1, 30, 'Invites of one user'),
    room_create: bucket(0.5, 20, 'Rooms one user creates'),
    keys: bucket(10, 200, 'Device key requests of one user'),
    typing: bucket(5, 30, 'Typing notifications of one user'),
    presence: bucket(2, 20, 'Changes of presence of one user'),
    default: bucket(50, 300, 'Other requests of one user'),
  },
  closed,
)

export const limits = Type.Object(
  {
    body_bytes: Type.Integer({
      default: 1_048_576,
      minimum: 65_536,
      description: 'Largest JSON body accepted, in bytes.',
    }),
    json_depth: Type.Integer({ default: 200, minimum: 20, description: 'Deepest nesting of JSON accepted.' }),
    devices_per_user: Type.Integer({ default: 1000, minimum: 1, description: 'Devices one account may have.' }),
    account_data_bytes: Type.Integer({
      default: 1_048_576,
      minimum: 1024,
      description: 'Account data one object may hold.',
    }),
    account_data_types: Type.Integer({
      default: 2000,
      minimum: 1,
      description: 'Account data objects one user may have.',
    }),
    filters_per_user: Type.Integer({ default: 1000, minimum: 1, description: 'Filters one user may store.' }),
  },
  closed,
)
