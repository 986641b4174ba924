import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { CrossSigningKey, KeySignature, KeyUsage } from '#store/e2ee/cross-signing.ts'
import type { NamedDeviceKeys } from '#store/e2ee/device-keys.ts'
import { identityOf } from './check-device-keys.ts'
import { requireBounded } from './bounded-request.ts'
import { partitionByServer, unreachable } from './remote-users.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config'>

/** The queried users and devices; no device ids means all. */
export type KeyQuery = { userId: UserId; deviceIds: readonly string[] }

export type QueriedKeys = {
  /** User id to device id to keys; every queried user is included. */
  deviceKeys: Record<string, Record<string, JsonObject>>
  masterKeys: Record<string, JsonObject>
  selfSigningKeys: Record<string, JsonObject>
  /** Only of the viewer. */
  userSigningKeys: Record<string, JsonObject>
}

/** Looks up device and cross-signing keys as the viewer may see them. */
export async function queryKeys(
  ctx: Needs,
  viewer: UserId,
  queries: readonly KeyQuery[],
): Promise<QueriedKeys & { failures: Record<string, JsonObject> }> {
  const devices = queries.reduce((sum, { deviceIds }) => sum + deviceIds.length, 0)
  requireBounded(ctx, { users: queries.length, devices })
  const { local, remote } = partitionByServer(ctx, queries)
  return { ...(await queryLocalKeys(ctx, viewer, local)), failures: unreachable([...remote.keys()]) }
}

/** As `queryKeys`, for users of this server; another server asks without a viewer. */
export async function queryLocalKeys(
  { store }: Needs,
  viewer: UserId | undefined,
  queries: readonly KeyQuery[],
): Promise<QueriedKeys> {
  const userIds = queries.map(({ userId }) => userId)
  const [devices, keys, signatures] = await Promise.all([
    store.e2ee.deviceKeys.listOf(userIds),
    store.e2ee.crossSigning.listOf(userIds),
    store.e2ee.crossSigning.signaturesOn(userIds, viewer),
  ])
  const onKey = Map.groupBy(signatures, ({ targetUser, targetKey }) => nameOf(targetUser, targetKey))
  const devicesOf = Map.groupBy(devices, ({ userId }) => userId)
  const keysFor = (usage: KeyUsage) =>
    Object.fromEntries(
      keys
        .filter((key) => key.usage === usage && (usage !== 'user_signing' || key.userId === viewer))
        .map((key) => [key.userId, crossSigningObject(key, { added: onKey, viewer })]),
    )
  return {
    deviceKeys: Object.fromEntries(
      queries.map(({ userId, deviceIds }) => {
        const wanted = new Set(deviceIds)
        const asked = (devicesOf.get(userId) ?? []).filter(({ deviceId }) => wanted.size === 0 || wanted.has(deviceId))
        return [userId, Object.fromEntries(asked.map((device) => [device.deviceId, deviceObject(device, onKey)]))]
      }),
    ),
    masterKeys: keysFor('master'),
    selfSigningKeys: keysFor('self_signing'),
    userSigningKeys: keysFor('user_signing'),
  }
}

const nameOf = (userId: UserId, key: string): string => `${userId} ${key}`

type Added = Map<string, KeySignature[]>

/** The keys of a device as uploaded, with signatures of its user's cross-signing keys. */
function deviceObject(device: NamedDeviceKeys, added: Added): JsonObject {
  const { userId, deviceId, signatures, displayName } = device
  const own = (added.get(nameOf(userId, deviceId)) ?? []).filter(({ signerUser }) => signerUser === userId)
  return {
    ...identityOf(device),
    signatures: { [userId]: { ...signatures, ...bySignerKey(own) } },
    unsigned: displayName === undefined ? {} : { device_display_name: displayName },
  }
}

/** A cross-signing key as uploaded, with signatures of its user's devices and of the viewer. */
function crossSigningObject(
  key: CrossSigningKey,
  { added, viewer }: { added: Added; viewer: UserId | undefined },
): JsonObject {
  const uploaded = JSON.parse(key.json) as JsonObject
  const later = added.get(nameOf(key.userId, key.publicKey)) ?? []
  const signatures = { ...(uploaded.signatures as Record<string, JsonObject> | undefined) }
  for (const signer of new Set([key.userId, viewer])) {
    const own = later.filter(({ signerUser }) => signerUser === signer)
    if (signer !== undefined && own.length > 0) signatures[signer] = { ...signatures[signer], ...bySignerKey(own) }
  }
  return Object.keys(signatures).length === 0 ? uploaded : { ...uploaded, signatures }
}

const bySignerKey = (signatures: readonly KeySignature[]): Record<string, string> =>
  Object.fromEntries(signatures.map(({ signerKey, signature }) => [signerKey, signature]))
