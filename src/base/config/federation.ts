import { Type } from '@sinclair/typebox'

const serverName = Type.String({ minLength: 1, maxLength: 255 })

export const federation = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Whether other servers are talked to at all.' }),
    allowed_servers: Type.Optional(
      Type.Array(serverName, {
        maxItems: 10_000,
        description:
          'The only servers that are talked to, with all below their names; * and ? as in globs. Absent: all.',
      }),
    ),
    denied_servers: Type.Array(serverName, {
      default: [],
      maxItems: 10_000,
      description: 'Servers that are never talked to, with all below their names; * and ? as in globs.',
    }),
    partial_joins: Type.Boolean({
      default: true,
      description: 'Whether rooms of other servers are entered before their members are here, which follow.',
    }),
    share_public_rooms: Type.Boolean({
      default: true,
      description: 'Whether other servers may read the list of published rooms.',
    }),
    share_device_names: Type.Boolean({
      default: false,
      description: 'Whether other servers are given the names that users gave their devices.',
    }),
    well_known_server: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description:
          'Where other servers reach this one, for .well-known, such as matrix.example.org:443; absent: public_base_url.',
      }),
    ),
    policy_server: Type.Boolean({
      default: false,
      description:
        'Whether rooms may choose this server as their Policy Server: it recommends events of servers that it talks to and that the room lets take part.',
    }),
    key_servers: Type.Array(serverName, {
      default: ['matrix.org'],
      maxItems: 10,
      description: 'Servers that are asked for the signing keys of servers that do not answer themselves.',
    }),
    old_keys: Type.Array(
      Type.Object(
        {
          key_id: Type.String({ pattern: '^ed25519:[A-Za-z0-9_]+$', description: 'Its id, such as ed25519:a_1234.' }),
          public_key: Type.String({ description: 'Its public half in unpadded base64.' }),
          expired_at: Type.Integer({ minimum: 0, description: 'When it was last used, in ms since the epoch.' }),
        },
        { additionalProperties: false },
      ),
      {
        default: [],
        maxItems: 100,
        description: 'Signing keys that this server used before, so that old events stay valid.',
      },
    ),
  },
  { additionalProperties: false, default: {} },
)
