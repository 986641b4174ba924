import { invalidParam, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { KeyClaim } from '#store/e2ee/one-time-keys.ts'
import { claimLocalKeys, type ClaimedKeys } from './claim-keys.ts'
import { requireBounded } from './bounded-request.ts'
import { queryStoredKeys, type KeyQuery, type QueriedKeys } from './query-keys.ts'

type Needs = Pick<Context, 'store' | 'config'>

/** Refuses to speak for users of other servers: what is kept of them here is not ours to give. */
function requireLocalUsers({ config }: Pick<Context, 'config'>, userIds: readonly UserId[]): void {
  if (userIds.some((userId) => serverOf(userId) !== config.server_name))
    throw invalidParam('Only users of this server can be asked for here')
}

/** Keys of users of this server, for another one. https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery */
export async function queryKeysForServer(ctx: Needs, queries: readonly KeyQuery[]): Promise<QueriedKeys> {
  requireLocalUsers(ctx, queries.map(({ userId }) => userId)) // prettier-ignore
  const devices = queries.reduce((sum, { deviceIds }) => sum + deviceIds.length, 0)
  requireBounded(ctx, { users: queries.length, devices })
  const found = await queryStoredKeys(ctx, undefined, queries)
  return ctx.config.federation.share_device_names ? found : { ...found, deviceKeys: withoutNames(found.deviceKeys) }
}

/** Claims keys of devices of users of this server, for another one. https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim */
export async function claimKeysForServer(
  ctx: Needs & Pick<Context, 'bus'>,
  claims: readonly KeyClaim[],
): Promise<ClaimedKeys> {
  const userIds = [...new Set(claims.map(({ userId }) => userId))]
  requireLocalUsers(ctx, userIds)
  requireBounded(ctx, { users: userIds.length, devices: claims.length })
  return claimLocalKeys(ctx, claims)
}

export type DevicesForServer = {
  userId: UserId
  streamId: number
  devices: { device_id: string; keys: JsonObject; device_display_name?: string }[]
  masterKey: JsonObject | undefined
  selfSigningKey: JsonObject | undefined
}

/** The devices with keys of a user of this server. https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid */
export async function devicesForServer(
  ctx: Needs,
  { userId, server }: { userId: UserId; server: ServerName },
): Promise<DevicesForServer> {
  requireLocalUsers(ctx, [userId])
  if (!(await ctx.store.accounts.accounts.find(userId))) throw notFound('There is no such user')
  // Before the keys: a change that comes meanwhile is announced as a later one.
  const { deviceLists, remoteDeviceLists } = ctx.store.e2ee
  const [newest, sent] = await Promise.all([deviceLists.newestOf(userId), remoteDeviceLists.sentTo(server, [userId])])
  // Devices without keys were announced to that server by numbers of their own.
  const streamId = Math.max(newest, sent.get(userId) ?? 0)
  const found = await queryStoredKeys(ctx, undefined, [{ userId, deviceIds: [] }])
  const devices = Object.entries(found.deviceKeys[userId] ?? {}).map(([deviceId, { unsigned, ...keys }]) => {
    const name = isObject(unsigned) ? unsigned.device_display_name : undefined
    const isShared = ctx.config.federation.share_device_names && typeof name === 'string'
    return { device_id: deviceId, keys, ...(isShared && { device_display_name: name }) }
  })
  return {
    userId,
    streamId,
    devices,
    masterKey: found.masterKeys[userId],
    selfSigningKey: found.selfSigningKeys[userId],
  }
}

const withoutNames = (byUser: QueriedKeys['deviceKeys']): QueriedKeys['deviceKeys'] =>
  Object.fromEntries(
    Object.entries(byUser).map(([userId, devices]) => [
      userId,
      Object.fromEntries(Object.entries(devices).map(([deviceId, { unsigned: _named, ...keys }]) => [deviceId, keys])),
    ]),
  )
