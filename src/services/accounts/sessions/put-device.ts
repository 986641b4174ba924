import { deviceListsChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { notFound } from '#base/errors.ts'
import { recordKeyChange } from './delete-devices.ts'
import { checkDeviceId, checkDeviceName } from './device-names.ts'
import { addDevice } from './open-session.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'bus'>

export type DeviceChange = {
  requester: { userId: UserId; appserviceId: string | undefined }
  deviceId: string
  displayName: string | undefined
}

/** Renames a device; for an application service it also creates one. */
export async function putDevice(ctx: Needs, { requester, deviceId, displayName }: DeviceChange): Promise<void> {
  const device = { userId: requester.userId, deviceId, displayName }
  if (displayName !== undefined) checkDeviceName(displayName)
  const isShown = await ctx.store.transaction(async (tx) => {
    if (await tx.accounts.devices.find(device.userId, deviceId)) return rename(tx, device)
    if (requester.appserviceId === undefined) throw notFound('There is no such device')
    checkDeviceId(deviceId)
    await addDevice(ctx, tx, device)
    return false
  })
  if (isShown) ctx.bus.publish(deviceListsChanged, { userIds: [device.userId] })
}

type NamedDevice = { userId: UserId; deviceId: string; displayName: string | undefined }

/** Answers whether other users see the name: they do if the device has keys. */
async function rename(tx: Transaction, { userId, deviceId, displayName }: NamedDevice): Promise<boolean> {
  if (displayName === undefined) return false
  await tx.accounts.devices.rename(userId, deviceId, displayName)
  const keys = await tx.e2ee.deviceKeys.find(userId, deviceId)
  await recordKeyChange(tx, { userId, deviceIds: keys ? [deviceId] : [] })
  return keys !== undefined
}
