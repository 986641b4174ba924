import * as topics from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { announceSessions } from './session-changes.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'sessions'>
type Devices = { userId: UserId; deviceIds: readonly string[] }

/** Deletes devices with all that belongs to them; ignores ids that the user does not have. */
export async function deleteDevices(ctx: Needs, devices: Devices): Promise<void> {
  if (devices.deviceIds.length === 0) return
  devicesDeleted(ctx, await ctx.store.transaction((tx) => removeDevices(tx, devices)))
}

/** The deleted devices, for `devicesDeleted` after the commit. */
export type RemovedDevices = Devices & { hadKeys: boolean }

/** The part inside a transaction: deletes tokens, pushers, keys and to-device messages with the devices. */
export async function removeDevices(tx: Transaction, { userId, deviceIds }: Devices): Promise<RemovedDevices> {
  await tx.accounts.accessTokens.deleteForDevices(userId, deviceIds)
  await tx.accounts.refreshTokens.deleteForDevices(userId, deviceIds)
  await tx.accounts.openidTokens.deleteForDevices(userId, deviceIds)
  await tx.push.pushers.deleteForDevices(userId, deviceIds)
  await tx.accounts.devices.delete(userId, deviceIds)
  for (const table of [tx.e2ee.oneTimeKeys, tx.e2ee.toDevice, tx.e2ee.dehydratedDevices, tx.e2ee.crossSigning])
    await table.deleteForDevices(userId, deviceIds)
  const withKeys = await tx.e2ee.deviceKeys.deleteForDevices(userId, deviceIds)
  await recordKeyChange(tx, { userId, deviceIds: withKeys })
  return { userId, deviceIds, hadKeys: withKeys.length > 0 }
}

/** Records device list changes, so that other users query the keys again. */
export async function recordKeyChange(tx: Transaction, { userId, deviceIds }: Devices): Promise<void> {
  if (deviceIds.length === 0) return
  const changes = deviceIds.map((deviceId) => ({ userId, deviceId }))
  await tx.e2ee.deviceLists.record(changes, await tx.streams.next('device_lists'))
}

/** Publishes a deletion after its commit: for session caches, device lists and waiting requests of the devices. */
export function devicesDeleted(ctx: Pick<Context, 'bus' | 'sessions'>, removed: RemovedDevices): void {
  const { userId, deviceIds, hadKeys } = removed
  announceSessions(ctx, userId)
  ctx.bus.publish(topics.devicesDeleted, { devices: deviceIds.map((deviceId) => ({ userId, deviceId })) })
  if (hadKeys) ctx.bus.publish(topics.deviceListsChanged, { userIds: [userId] })
}
