import * as topics from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { announceSessions } from './session-changes.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'sessions'>
type Devices = { userId: UserId; deviceIds: readonly string[] }

/** Ends devices with all that belongs to them; ids the user does not have are passed over. */
export async function deleteDevices(ctx: Needs, devices: Devices): Promise<void> {
  if (devices.deviceIds.length === 0) return
  devicesDeleted(ctx, await ctx.store.transaction((tx) => removeDevices(tx, devices)))
}

/** What was removed, to be told by `devicesDeleted` once it is committed. */
export type RemovedDevices = Devices & { hadKeys: boolean }

/** The part inside a transaction: tokens, pushers, keys and messages go with the devices. */
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

/** Notes that others must ask for the keys of these devices anew. */
export async function recordKeyChange(tx: Transaction, { userId, deviceIds }: Devices): Promise<void> {
  if (deviceIds.length === 0) return
  const changes = deviceIds.map((deviceId) => ({ userId, deviceId }))
  await tx.e2ee.deviceLists.record(changes, await tx.streams.next('device_lists'))
}

/** Tells everybody else: sessions, pushers, device lists and open connections of these devices end too. */
export function devicesDeleted(ctx: Pick<Context, 'bus' | 'sessions'>, removed: RemovedDevices): void {
  const { userId, deviceIds, hadKeys } = removed
  announceSessions(ctx, userId)
  ctx.bus.publish(topics.devicesDeleted, { devices: deviceIds.map((deviceId) => ({ userId, deviceId })) })
  if (hadKeys) ctx.bus.publish(topics.deviceListsChanged, { userIds: [userId] })
}
