import { Type } from '@sinclair/typebox'
import { invalidParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { claimKeys } from '#services/e2ee/claim-keys.ts'
import { deviceListChanges } from '#services/e2ee/device-lists.ts'
import { queryKeys } from '#services/e2ee/query-keys.ts'
import { uploadKeys } from '#services/e2ee/upload-keys.ts'
import { readToken } from '#services/sync/v3/token.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { ByUser, UserIdText } from '#api/ids.ts'
import { entriesByUser } from '#protocol/ids.ts'

const Signatures = Type.Record(Type.String(), Type.Record(Type.String(), Type.String()))

const DeviceKeys = Type.Object({
  user_id: UserIdText,
  device_id: Type.String(),
  algorithms: Type.Array(Type.String()),
  keys: Type.Record(Type.String(), Type.String()),
  signatures: Signatures,
})
/** Parts that are missing are M_BAD_JSON, not M_MISSING_PARAM: the service looks for them. */
export const DeviceKeysBody = Type.Partial(DeviceKeys)
export const OneTimeKeys = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Object({ key: Type.String(), signatures: Signatures })]),
)
const Timeout = Type.Optional(Type.Integer({ description: 'How long to wait for other servers, in milliseconds.' }))

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload */
export const postKeysUpload = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/keys/upload',
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  body: Type.Object({
    device_keys: Type.Optional(DeviceKeysBody),
    one_time_keys: Type.Optional(OneTimeKeys),
    fallback_keys: Type.Optional(OneTimeKeys),
    'org.matrix.msc2732.fallback_keys': Type.Optional(OneTimeKeys),
  }),
  reply: Type.Object({ one_time_key_counts: Type.Record(Type.String(), Type.Integer()) }),
  summary: 'Publishes the keys of the device.',
  spec: 'client-server-api/#post_matrixclientv3keysupload',
  async handle(ctx, { body }, { userId, deviceId }) {
    if (deviceId === undefined) throw invalidParam('Only a device can have keys')
    const counts = await uploadKeys(
      ctx,
      { userId, deviceId },
      {
        deviceKeys: body.device_keys,
        oneTimeKeys: body.one_time_keys,
        fallbackKeys: body.fallback_keys ?? body['org.matrix.msc2732.fallback_keys'],
      },
    )
    return { one_time_key_counts: counts }
  },
})

/** Milliseconds that other servers get; clients may ask for less or a little more. */
const waitFor = (timeout: number | undefined): number => Math.min(Math.max(timeout ?? 10_000, 1000), 30_000)

const CrossSigningKeys = Type.Record(Type.String(), JsonBody)

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery */
export const postKeysQuery = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/keys/query',
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  body: Type.Object({
    device_keys: ByUser(Type.Array(Type.String())),
    timeout: Timeout,
  }),
  reply: Type.Object({
    device_keys: Type.Record(Type.String(), Type.Record(Type.String(), DeviceKeys)),
    master_keys: CrossSigningKeys,
    self_signing_keys: CrossSigningKeys,
    user_signing_keys: CrossSigningKeys,
    failures: Type.Record(Type.String(), JsonBody),
  }),
  summary: 'Looks up the devices and the identity keys of users.',
  spec: 'client-server-api/#post_matrixclientv3keysquery',
  async handle(ctx, { body }, { userId }) {
    const queries = entriesByUser(body.device_keys).map(([asked, deviceIds]) => ({ userId: asked, deviceIds }))
    const found = await queryKeys(ctx, { viewer: userId, queries, timeoutMs: waitFor(body.timeout) })
    return {
      device_keys: found.deviceKeys as Record<string, Record<string, (typeof DeviceKeys)['static']>>,
      master_keys: found.masterKeys,
      self_signing_keys: found.selfSigningKeys,
      user_signing_keys: found.userSigningKeys,
      failures: found.failures,
    }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim */
export const postKeysClaim = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/keys/claim',
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  body: Type.Object({
    one_time_keys: ByUser(Type.Record(Type.String(), Type.String())),
    timeout: Timeout,
  }),
  reply: Type.Object({
    one_time_keys: Type.Record(Type.String(), Type.Record(Type.String(), OneTimeKeys)),
    failures: Type.Record(Type.String(), JsonBody),
  }),
  summary: 'Claims one-time keys, to begin encrypted sessions with devices.',
  spec: 'client-server-api/#post_matrixclientv3keysclaim',
  async handle(ctx, { body }) {
    const claims = entriesByUser(body.one_time_keys).flatMap(([userId, devices]) =>
      Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm })),
    )
    const { oneTimeKeys, failures } = await claimKeys(ctx, claims, waitFor(body.timeout))
    return { one_time_keys: oneTimeKeys as Record<string, Record<string, (typeof OneTimeKeys)['static']>>, failures }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges */
export const getKeysChanges = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/keys/changes',
  auth: 'user',
  limit: 'keys',
  query: Type.Object({ from: Type.String(), to: Type.String() }),
  reply: Type.Object({ changed: Type.Array(UserIdText), left: Type.Array(UserIdText) }),
  summary: 'Lists whose keys changed between two answers of /sync.',
  spec: 'client-server-api/#get_matrixclientv3keyschanges',
  async handle(ctx, { query }, { userId }) {
    return deviceListChanges(ctx, userId, { from: readToken(query.from), to: readToken(query.to) })
  },
})

export const keys = [postKeysUpload, postKeysQuery, postKeysClaim, getKeysChanges]
