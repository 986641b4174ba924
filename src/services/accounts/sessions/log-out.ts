import type { Context, Transaction } from '#context.ts'
import { forbidden } from '#base/errors.ts'
import { deleteDevices, devicesDeleted, removeDevices, type RemovedDevices } from './delete-devices.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'sessions'>

/** Ends the session: deletes its device and tokens. */
export async function logOut(
  ctx: Needs,
  { userId, deviceId }: { userId: UserId; deviceId: string | undefined },
): Promise<void> {
  if (deviceId === undefined) throw forbidden('There is no device to log out')
  await deleteDevices(ctx, { userId, deviceIds: [deviceId] })
}

/** Ends every device and token of the user. */
export async function logOutEverywhere(ctx: Needs, userId: UserId): Promise<void> {
  devicesDeleted(ctx, await ctx.store.transaction((tx) => endSessions(tx, userId)))
}

/** The part inside a transaction, except for the device to keep; `devicesDeleted` must follow the commit. */
export async function endSessions(tx: Transaction, userId: UserId, keptDeviceId?: string): Promise<RemovedDevices> {
  const all = (await tx.accounts.devices.list(userId)).map(({ deviceId }) => deviceId)
  await tx.accounts.loginTokens.deleteForUser(userId)
  await tx.accounts.interactiveSessions.deleteForUser(userId)
  if (keptDeviceId === undefined) {
    await tx.accounts.accessTokens.deleteForUser(userId)
    await tx.accounts.openidTokens.deleteForUser(userId)
  }
  return removeDevices(tx, { userId, deviceIds: all.filter((deviceId) => deviceId !== keptDeviceId) })
}
