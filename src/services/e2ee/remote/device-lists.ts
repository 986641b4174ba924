import type { Context, Transaction } from '#context.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'
import { announceDeviceLists } from '#services/e2ee/device-lists.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { CrossSigningKey } from '#store/e2ee/cross-signing.ts'
import { readPublishedDevices, type PublishedDevices } from './published-devices.ts'

export type DeviceListNeeds = Pick<
  Context,
  'store' | 'bus' | 'config' | 'signingKey' | 'transport' | 'serverAccess' | 'destinations'
>

/** The job that fetches the list of a user, its key. */
export const refreshDeviceListJob = 'refresh device list'

const maxAnswerBytes = 4_194_304
/** A list that changes each time it is fetched stays stale. */
const maxAttempts = 3

/**
 * Fetches the device list of a user of another server and keeps it, as long as one of our users shares a room with them.
 * Throws RemoteError where the server does not answer it.
 */
export async function refreshDeviceList(ctx: DeviceListNeeds, userId: UserId, timeoutMs = 10_000): Promise<void> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) if (!(await refreshOnce(ctx, userId, timeoutMs))) return
}

/** Whether a change was announced meanwhile, which the answer may lack. */
async function refreshOnce(ctx: DeviceListNeeds, userId: UserId, timeoutMs: number): Promise<boolean> {
  const [before] = await ctx.store.e2ee.remoteDeviceLists.listOf([userId])
  const answer = await askServer(ctx, {
    destination: serverOf(userId),
    method: 'GET',
    path: ['_matrix', 'federation', 'v1', 'user', 'devices', userId],
    maxBytes: maxAnswerBytes,
    timeoutMs,
  })
  const published = readPublishedDevices(userId, answer)
  if (!published) throw new RemoteError(serverOf(userId), 'It answered no device list')
  const { isChanged, isStale } = await ctx.store.transaction((tx) =>
    saveDeviceList(tx, { userId, published, seenVersion: before?.version ?? 0 }),
  )
  if (isChanged) announceDeviceLists(ctx, [userId])
  return isStale
}

type Saving = { userId: UserId; published: PublishedDevices; seenVersion: number }

/** Answers whether anything is other than it was, and whether a change was announced meanwhile. */
async function saveDeviceList(
  tx: Transaction,
  { userId, published, seenVersion }: Saving,
): Promise<{ isChanged: boolean; isStale: boolean }> {
  // The counter row is the lock.
  const position = await tx.streams.next('device_lists')
  // They may have parted while the list was fetched: then nobody would say when it changes.
  if ((await tx.rooms.sharing.sharingWithAccounts([userId])).length === 0) return { isChanged: false, isStale: false }
  const list = await tx.e2ee.remoteDeviceLists.hold(userId)
  const version = list?.version ?? 0
  const before = await tx.e2ee.deviceKeys.listOf([userId])
  const ids = new Set(published.devices.map(({ deviceId }) => deviceId))
  const gone = before.flatMap(({ deviceId }) => (ids.has(deviceId) ? [] : [deviceId]))
  await tx.e2ee.deviceKeys.deleteForDevices(userId, gone)
  await tx.e2ee.crossSigning.deleteForDevices(userId, gone)
  const known = new Map(before.map((device) => [device.deviceId, JSON.stringify(device)]))
  const changed = published.devices.filter((device) => known.get(device.deviceId) !== JSON.stringify(device))
  for (const device of changed) await tx.e2ee.deviceKeys.saveRemote(device)
  const areKeysChanged = await replaceCrossSigningKeys(tx, userId, published.crossSigningKeys)
  const isStale = version !== seenVersion
  await tx.e2ee.remoteDeviceLists.save({
    userId,
    streamId: published.streamId,
    isStale,
    version,
  })
  const isChanged = gone.length + changed.length > 0 || areKeysChanged
  if (isChanged) await tx.e2ee.deviceLists.record([{ userId }], position)
  return { isChanged, isStale }
}

/** Keeps these cross-signing keys and no others; answers whether that changes anything. */
export async function replaceCrossSigningKeys(
  tx: Transaction,
  userId: UserId,
  keys: readonly CrossSigningKey[],
): Promise<boolean> {
  const before = await tx.e2ee.crossSigning.listOf([userId])
  const byUsage = new Map(keys.map((key) => [key.usage, key]))
  let isChanged = false
  for (const old of before)
    if (byUsage.get(old.usage)?.publicKey !== old.publicKey) {
      await tx.e2ee.crossSigning.remove(old)
      isChanged = true
    }
  for (const key of keys) {
    if (before.some((old) => old.usage === key.usage && old.json === key.json)) continue
    await tx.e2ee.crossSigning.save(key)
    isChanged = true
  }
  return isChanged
}

/** Forgets the lists of users of other servers with whom nobody here shares a room any longer. */
export async function forgetDeviceLists(ctx: Pick<Context, 'store'>, userIds: readonly UserId[]): Promise<void> {
  await ctx.store.transaction(async (tx) => {
    await tx.streams.next('device_lists')
    const kept = new Set(await tx.rooms.sharing.sharingWithAccounts(userIds))
    const parted = userIds.filter((userId) => !kept.has(userId))
    for (const { userId } of await tx.e2ee.remoteDeviceLists.listOf(parted)) {
      const devices = await tx.e2ee.deviceKeys.listOf([userId])
      const ids = devices.map(({ deviceId }) => deviceId)
      await tx.e2ee.deviceKeys.deleteForDevices(userId, ids)
      await tx.e2ee.crossSigning.deleteForDevices(userId, ids)
      await tx.e2ee.crossSigning.forget(userId)
    }
    await tx.e2ee.remoteDeviceLists.remove(parted)
  })
}
