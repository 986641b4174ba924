import type { Context } from '#context.ts'
import { forbidden } from '#base/errors.ts'
import { deleteDevices, devicesDeleted, removeDevices } from './delete-devices.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'sessions'>

/** Ends the session: its device and all tokens of it. */
export async function logOut(
  ctx: Needs,
  { userId, deviceId }: { userId: string; deviceId: string | undefined },
): Promise<void> {
  if (deviceId === undefined) throw forbidden('There is no device to log out')
  await deleteDevices(ctx, { userId, deviceIds: [deviceId] })
}

/** Ends every device and token of the user, but for the device kept. */
export async function logOutEverywhere(ctx: Needs, userId: string, keptDeviceId?: string): Promise<void> {
  const removed = await ctx.store.transaction(async (tx) => {
    const all = (await tx.devices.list(userId)).map(({ deviceId }) => deviceId)
    await tx.loginTokens.deleteForUser(userId)
    await tx.interactiveSessions.deleteForUser(userId)
    if (keptDeviceId === undefined) await tx.accessTokens.deleteForUser(userId)
    return removeDevices(tx, { userId, deviceIds: all.filter((deviceId) => deviceId !== keptDeviceId) })
  })
  devicesDeleted(ctx, removed)
}
