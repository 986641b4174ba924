import { Type } from '@sinclair/typebox'
import { ByUser, UserIdText } from '#api/ids.ts'
import { endpoint } from '#http/endpoint.ts'
import { entriesByUser } from '#protocol/ids.ts'
import { claimKeysForServer, devicesForServer, queryKeysForServer } from '#services/e2ee/answer-servers.ts'

const Keys = Type.Object({}, { additionalProperties: true })
const KeysByUser = Type.Record(Type.String(), Keys)

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid */
export const getUserDevices = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/user/devices/:userId',
  auth: 'server',
  params: Type.Object({ userId: UserIdText }),
  reply: Type.Object({
    user_id: Type.String(),
    stream_id: Type.Integer(),
    devices: Type.Array(
      Type.Object({ device_id: Type.String(), keys: Keys, device_display_name: Type.Optional(Type.String()) }),
    ),
    master_key: Type.Optional(Keys),
    self_signing_key: Type.Optional(Keys),
  }),
  summary: 'The devices with keys of a user of this server.',
  spec: 'server-server-api/#get_matrixfederationv1userdevicesuserid',
  async handle(ctx, { params: { userId } }, { serverName: server }) {
    const found = await devicesForServer(ctx, { userId, server })
    const { streamId, devices, masterKey, selfSigningKey } = found
    return {
      user_id: userId,
      stream_id: streamId,
      devices,
      ...(masterKey && { master_key: masterKey }),
      ...(selfSigningKey && { self_signing_key: selfSigningKey }),
    }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery */
export const queryUserKeys = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/query',
  auth: 'server',
  maxBody: 'large',
  body: Type.Object({ device_keys: ByUser(Type.Array(Type.String())) }),
  reply: Type.Object({
    device_keys: Type.Record(Type.String(), KeysByUser),
    master_keys: KeysByUser,
    self_signing_keys: KeysByUser,
  }),
  summary: 'Keys of users of this server.',
  spec: 'server-server-api/#post_matrixfederationv1userkeysquery',
  async handle(ctx, { body }) {
    const queries = entriesByUser(body.device_keys).map(([userId, deviceIds]) => ({ userId, deviceIds }))
    const found = await queryKeysForServer(ctx, queries)
    return {
      device_keys: found.deviceKeys,
      master_keys: found.masterKeys,
      self_signing_keys: found.selfSigningKeys,
    }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim */
export const claimUserKeys = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/claim',
  auth: 'server',
  maxBody: 'large',
  body: Type.Object({ one_time_keys: ByUser(Type.Record(Type.String(), Type.String())) }),
  reply: Type.Object({ one_time_keys: Type.Record(Type.String(), KeysByUser) }),
  summary: 'Claims one-time keys of devices of users of this server.',
  spec: 'server-server-api/#post_matrixfederationv1userkeysclaim',
  async handle(ctx, { body }) {
    const claims = entriesByUser(body.one_time_keys).flatMap(([userId, devices]) =>
      Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm })),
    )
    const claimed = await claimKeysForServer(ctx, claims)
    return { one_time_keys: claimed as Record<string, Record<string, Record<string, never>>> }
  },
})

export const devices = [getUserDevices, queryUserKeys, claimUserKeys]
