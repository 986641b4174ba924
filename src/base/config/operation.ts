import { Type } from '@sinclair/typebox'

const closed = { additionalProperties: false, default: {} }

const tls = Type.Object(
  {
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65535,
        description: 'Port of the same APIs with TLS, for servers without a reverse proxy; absent: none.',
      }),
    ),
    certificate: Type.Optional(
      Type.String({ description: 'File of the certificate and those that vouch for it, in PEM.' }),
    ),
    key: Type.Optional(Type.String({ description: "File of the certificate's private key, in PEM." })),
  },
  closed,
)

export const listen = Type.Object(
  {
    host: Type.String({ default: '127.0.0.1', description: 'Address to listen on; 0.0.0.0 or :: for all.' }),
    port: Type.Integer({
      default: 8008,
      minimum: 0,
      maximum: 65535,
      description: 'Port of the client and federation APIs; 0 takes a free one.',
    }),
    trusted_proxies: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses or CIDR ranges of reverse proxies whose X-Forwarded-For is believed.',
    }),
    tls,
  },
  closed,
)

export const database = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description: 'postgres://user:password@host/name or sqlite:PATH; absent: sqlite in the data folder.',
        writeOnly: true,
      }),
    ),
    pool_size: Type.Integer({ default: 10, minimum: 1, description: 'PostgreSQL connections this process may open.' }),
    exclusive: Type.Boolean({
      default: true,
      testsOnly: false,
      description: 'Whether the server refuses to start while another process serves from the same database.',
    }),
  },
  closed,
)

export const logging = Type.Object(
  {
    level: Type.Union(
      [
        Type.Literal('error'),
        Type.Literal('warn'),
        Type.Literal('info'),
        Type.Literal('debug'),
        Type.Literal('silent'),
      ],
      { default: 'info', description: 'The least serious log lines that are written.' },
    ),
  },
  closed,
)

export const metrics = Type.Object(
  {
    host: Type.String({ default: '127.0.0.1', description: 'Address of the metrics listener.' }),
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65535,
        description: 'Port for /metrics and /health; absent: no metrics listener.',
      }),
    ),
  },
  closed,
)
