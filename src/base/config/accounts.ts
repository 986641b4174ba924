import { Type } from '@sinclair/typebox'

const closed = { additionalProperties: false, default: {} }

export const registration = Type.Object(
  {
    mode: Type.Union([Type.Literal('closed'), Type.Literal('token'), Type.Literal('open')], {
      default: 'closed',
      description: 'Who may make an account: no one (`closed`), holders of a registration token, or everyone.',
    }),
    default_display_name: Type.Union([Type.Literal('localpart'), Type.Literal('none')], {
      default: 'localpart',
      description: 'The display name of a new account: its name on this server, or none.',
    }),
    shared_secret: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Lets scripts that know it make accounts at /_synapse/admin/v1/register.',
        writeOnly: true,
      }),
    ),
  },
  closed,
)

export const accounts = Type.Object(
  {
    access_token_lifetime_ms: Type.Integer({
      default: 3_600_000,
      minimum: 1000,
      description: 'How long an access token lives when the client asked for refresh tokens.',
    }),
    password_min_length: Type.Integer({ default: 8, minimum: 1, description: 'Shortest password accepted.' }),
    password_hash_memory_kib: Type.Integer({
      default: 19_456,
      minimum: 64,
      description: 'Memory of one argon2id hash, in KiB; lower only for tests.',
    }),
    interactive_auth_lifetime_ms: Type.Integer({
      default: 900_000,
      minimum: 1000,
      description: 'How long a started user-interactive authentication may be completed.',
    }),
  },
  closed,
)
