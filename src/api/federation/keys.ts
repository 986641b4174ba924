import { Type } from '@sinclair/typebox'
import { JsonText, endpoint } from '#http/endpoint.ts'
import { answerKeyQuery, ownKeyAnswer } from '#services/federation/publish-keys.ts'

const KeyAnswer = Type.Object({
  server_name: Type.String(),
  valid_until_ts: Type.Integer(),
  verify_keys: Type.Record(Type.String(), Type.Object({ key: Type.String() })),
  old_verify_keys: Type.Optional(
    Type.Record(Type.String(), Type.Object({ key: Type.String(), expired_ts: Type.Integer() })),
  ),
  signatures: Type.Record(Type.String(), Type.Record(Type.String(), Type.String())),
})
const KeyAnswers = Type.Object({ server_keys: Type.Array(KeyAnswer) })

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server */
export const getOwnKeys = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/server',
  auth: 'none',
  reply: KeyAnswer,
  summary: 'The signing keys of this server.',
  spec: 'server-server-api/#get_matrixkeyv2server',
  handle: async (ctx) => new JsonText(ownKeyAnswer(ctx)),
})

/** NOTSPEC: older servers still name a key; the answer is the same, as on other servers. */
export const getOwnKey = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/server/:keyId',
  auth: 'none',
  params: Type.Object({ keyId: Type.String() }),
  reply: KeyAnswer,
  summary: 'The signing keys of this server, whichever is named.',
  spec: 'server-server-api/#get_matrixkeyv2server',
  handle: async (ctx) => new JsonText(ownKeyAnswer(ctx)),
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2queryservername */
export const getKeysOfServer = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/query/:serverName',
  auth: 'none',
  params: Type.Object({ serverName: Type.String() }),
  query: Type.Object({ minimum_valid_until_ts: Type.Optional(Type.Integer()) }),
  reply: KeyAnswers,
  summary: 'The signing keys of another server, as this one knows them.',
  spec: 'server-server-api/#get_matrixkeyv2queryservername',
  async handle(ctx, { params: { serverName }, query, ip }) {
    const wanted = { [serverName]: { minimumValidUntil: query.minimum_valid_until_ts } }
    return new JsonText(await answerKeyQuery(ctx, wanted, ip))
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixkeyv2query */
export const queryKeys = endpoint({
  method: 'POST',
  path: '/_matrix/key/v2/query',
  auth: 'none',
  body: Type.Object({
    server_keys: Type.Record(
      Type.String(),
      Type.Record(Type.String(), Type.Object({ minimum_valid_until_ts: Type.Optional(Type.Integer()) })),
    ),
  }),
  reply: KeyAnswers,
  summary: 'The signing keys of other servers, as this one knows them.',
  spec: 'server-server-api/#post_matrixkeyv2query',
  async handle(ctx, { body, ip }) {
    const wanted = Object.entries(body.server_keys).map(([server, keys]) => {
      const times = Object.values(keys).map(({ minimum_valid_until_ts: time }) => time ?? 0)
      return [server, { minimumValidUntil: times.length > 0 ? Math.max(...times) : undefined }] as const
    })
    return new JsonText(await answerKeyQuery(ctx, Object.fromEntries(wanted), ip))
  },
})

export const keys = [getOwnKeys, getOwnKey, getKeysOfServer, queryKeys]
