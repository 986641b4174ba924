import { Type, type Static } from '@sinclair/typebox'
import { accounts, registration } from './accounts.ts'
import { database, listen, logging, metrics } from './operation.ts'
import { federation } from './federation.ts'
import { limits, rateLimits } from './limits.ts'
import { memory } from './memory.ts'
import { outgoing } from './outgoing.ts'
import { rooms } from './rooms.ts'
import { support } from './support.ts'

/** Every setting of the server: the example file, the editors' JSON Schema and the documentation come from this value. */
export const ConfigSchema = Type.Object(
  {
    server_name: Type.String({
      default: 'localhost',
      minLength: 1,
      description: 'The domain in user ids and room aliases. It can never be changed once the server has users.',
    }),
    public_base_url: Type.Optional(
      Type.String({
        format: 'uri',
        description:
          'Where clients reach this server, for .well-known; absent: https and a public server_name, else http://localhost and the port.',
      }),
    ),
    data_dir: Type.String({
      default: './data',
      description: 'Folder of everything the server keeps on disk: database, signing key, media.',
    }),
    listen,
    database,
    memory,
    registration,
    accounts,
    rooms,
    limits,
    rate_limits: rateLimits,
    federation,
    outgoing,
    logging,
    metrics,
    support,
  },
  { additionalProperties: false },
)

/** The settings after defaults, file and environment are merged and validated. */
export type Config = Static<typeof ConfigSchema>
