import type { Context } from '#context.ts'
import { notFound } from '#base/errors.ts'
import { checkDeviceId, checkDeviceName } from './device-names.ts'
import { addDevice } from './open-session.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'bus'>

export type DeviceChange = {
  requester: { userId: string; appserviceId: string | undefined }
  deviceId: string
  displayName: string | undefined
}

/** Renames a device; an application service makes a new one by this, and gets true then. */
export async function putDevice(ctx: Needs, change: DeviceChange): Promise<boolean> {
  const { requester, deviceId, displayName } = change
  const { userId } = requester
  if (displayName !== undefined) checkDeviceName(displayName)
  if (requester.appserviceId !== undefined) checkDeviceId(deviceId)
  const isNew = await ctx.store.transaction(async (tx) => {
    const known = await tx.devices.find(userId, deviceId)
    if (known && displayName !== undefined) await tx.devices.rename(userId, deviceId, displayName)
    if (known) return false
    if (requester.appserviceId === undefined) throw notFound('There is no such device')
    return addDevice(ctx, tx, { userId, deviceId, displayName })
  })
  ctx.bus.publish('devices.changed', { userId })
  return isNew
}
