import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { CrossSigningKey, KeySignature, KeyUsage } from '#store/e2ee/cross-signing.ts'
import type { NamedDeviceKeys } from '#store/e2ee/device-keys.ts'
import { identityOf } from './check-device-keys.ts'
import { requireBounded } from './bounded-request.ts'
import { partitionByServer } from './remote-users.ts'
import type { ServerName, UserId } from '#protocol/ids.ts'
import type { DeviceListNeeds } from './remote/device-lists.ts'
import { askForKeys, failureOf, fetchDeviceLists } from './remote/query-remote-keys.ts'

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

/** Who asks, what for, and how long other servers may take, in milliseconds. */
export type KeyQueries = { viewer: UserId; queries: readonly KeyQuery[]; timeoutMs?: number | undefined }

/** Looks up device and cross-signing keys as the viewer may see them. */
export async function queryKeys(
  ctx: DeviceListNeeds,
  { viewer, queries, timeoutMs }: KeyQueries,
): Promise<QueriedKeys & { failures: Record<string, JsonObject> }> {
  const devices = queries.reduce((sum, { deviceIds }) => sum + deviceIds.length, 0)
  requireBounded(ctx, { users: queries.length, devices })
  const { local, remote } = partitionByServer(ctx, queries)
  const failures: Record<string, JsonObject> = {}
  const found = await Promise.all([
    queryStoredKeys(ctx, viewer, local),
    ...[...remote].map(async ([server, ofServer]) => {
      const { keys, failure } = await queryRemoteKeys(ctx, server, { viewer, queries: ofServer, timeoutMs })
      if (failure) failures[server] = failure
      return keys
    }),
  ])
  const merged = (name: keyof QueriedKeys) => Object.assign({}, ...found.map((keys) => keys[name])) as never
  return {
    deviceKeys: merged('deviceKeys'),
    masterKeys: merged('masterKeys'),
    selfSigningKeys: merged('selfSigningKeys'),
    userSigningKeys: merged('userSigningKeys'),
    failures,
  }
}

type RemoteAnswer = { keys: QueriedKeys; failure?: JsonObject }

const noKeys: QueriedKeys = { deviceKeys: {}, masterKeys: {}, selfSigningKeys: {}, userSigningKeys: {} }

/** The keys of users of another server: from the lists that are kept here, and of the others as their server says. */
async function queryRemoteKeys(
  ctx: DeviceListNeeds,
  server: ServerName,
  { viewer, queries, timeoutMs }: KeyQueries,
): Promise<RemoteAnswer> {
  const userIds = queries.map(({ userId }) => userId)
  let others: readonly UserId[] = []
  let failure: JsonObject | undefined
  try {
    others = await fetchDeviceLists(ctx, userIds, timeoutMs)
  } catch (error) {
    failure = failureOf(error)
  }
  const kept = (await ctx.store.e2ee.remoteDeviceLists.listOf(userIds)).filter(({ isStale }) => !isStale)
  const keptUsers = new Set(kept.map(({ userId }) => userId))
  const stored = await queryStoredKeys(ctx, viewer, queries.filter(({ userId }) => keptUsers.has(userId))) // prettier-ignore
  if (failure) return { keys: stored, failure }
  const asked = new Set(others)
  const toAsk = queries.filter(({ userId }) => asked.has(userId))
  if (toAsk.length === 0) return { keys: stored }
  try {
    const answered = await askForKeys(ctx, server, { queries: toAsk, timeoutMs })
    return {
      keys: {
        deviceKeys: { ...stored.deviceKeys, ...answered.deviceKeys },
        masterKeys: { ...stored.masterKeys, ...answered.masterKeys },
        selfSigningKeys: { ...stored.selfSigningKeys, ...answered.selfSigningKeys },
        userSigningKeys: stored.userSigningKeys,
      },
    }
  } catch (error) {
    return { keys: stored, failure: failureOf(error) }
  }
}

/** Keys that are stored here: of users of this server, and of those whose device lists are kept; servers ask without a viewer. */
export async function queryStoredKeys(
  { store }: Needs,
  viewer: UserId | undefined,
  queries: readonly KeyQuery[],
): Promise<QueriedKeys> {
  if (queries.length === 0) return noKeys
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
