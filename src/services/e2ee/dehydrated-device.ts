import { forbidden, invalidParam, notFound, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { DehydratedDevice } from '#store/e2ee/dehydrated-devices.ts'
import { deleteDevices, devicesDeleted, removeDevices } from '#services/accounts/sessions/delete-devices.ts'
import { checkDeviceId } from '#services/accounts/sessions/device-names.ts'
import { addDevice } from '#services/accounts/sessions/open-session.ts'
import { eventOf, type ToDeviceEvent } from './to-device.ts'
import { announceUpload, checkUpload, saveKeys, type KeysUpload } from './upload-keys.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'config' | 'clock' | 'sessions'>

export type Dehydration = { deviceId: string; displayName: string | undefined; data: JsonObject; keys: KeysUpload }

/** Stores a dehydrated device, replacing the previous one, so that messages reach the user while logged out. */
export async function dehydrateDevice(ctx: Needs, userId: UserId, dehydration: Dehydration): Promise<void> {
  const { deviceId, displayName, data, keys } = dehydration
  checkDeviceId(deviceId)
  const text = JSON.stringify(data)
  if (Buffer.byteLength(text) > ctx.config.limits.dehydrated_device_bytes)
    throw tooLarge('The dehydrated device is too large')
  const device = { userId, deviceId }
  const upload = checkUpload(device, keys)
  if (!upload.identity) throw invalidParam('A dehydrated device needs its keys')
  const removed = await ctx.store.transaction(async (tx) => {
    const last = await tx.e2ee.dehydratedDevices.find(userId)
    const ended = last && (await removeDevices(tx, { userId, deviceIds: [last.deviceId] }))
    if (!(await addDevice(ctx, tx, { ...device, displayName }))) throw invalidParam('There is a device of that id')
    await saveKeys(ctx, tx, { device, keys: upload })
    await tx.e2ee.dehydratedDevices.save({ ...device, data: text })
    return ended
  })
  if (removed) devicesDeleted(ctx, removed)
  announceUpload(ctx, device, true)
}

/** The user's dehydrated device. */
export async function findDehydratedDevice(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
): Promise<DehydratedDevice> {
  const device = await store.e2ee.dehydratedDevices.find(userId)
  if (!device) throw notFound('There is no dehydrated device')
  return device
}

/** Deletes the dehydrated device and answers its id. */
export async function deleteDehydratedDevice(ctx: Needs, userId: UserId): Promise<string> {
  const { deviceId } = await findDehydratedDevice(ctx, userId)
  await deleteDevices(ctx, { userId, deviceIds: [deviceId] })
  return deviceId
}

export type MessagePage = { events: ToDeviceEvent[]; nextBatch: string; hasMore: boolean }

const pageSize = 100

/** To-device messages of the dehydrated device. They are not deleted, so that an interrupted login can be repeated. */
export async function listDehydratedMessages(
  { store }: Pick<Context, 'store'>,
  { userId, deviceId }: { userId: UserId; deviceId: string },
  { from = '0', limit = pageSize }: { from?: string | undefined; limit?: number | undefined },
): Promise<MessagePage> {
  const device = await store.e2ee.dehydratedDevices.find(userId)
  if (device?.deviceId !== deviceId) throw forbidden('This is not your dehydrated device')
  if (!/^\d{1,15}$/.test(from)) throw invalidParam('The token is not one of this server')
  const size = Math.min(Math.max(limit, 1), pageSize)
  const waiting = await store.e2ee.toDevice.list(device, { after: Number(from), limit: size + 1 })
  const page = waiting.slice(0, size)
  return {
    events: page.map(eventOf),
    nextBatch: String(page.at(-1)?.position ?? from),
    hasMore: waiting.length > size,
  }
}
