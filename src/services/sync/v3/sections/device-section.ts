import type { Context } from '#context.ts'
import { deviceListChanges } from '#services/e2ee/device-lists.ts'
import { keyStock } from '#services/e2ee/key-stock.ts'
import { toDeviceMessages } from '#services/e2ee/to-device.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

export type DeviceSection = {
  /** JSON members of the answer, comma between them. */
  json: string
  /** Position of the to-device stream that the answer reaches. */
  toDevice: number
  /** True when the next request acknowledges messages, which must be deleted then. */
  isDelivering: boolean
  /** True when there are messages or device lists to send. */
  hasNews: boolean
}

/** To-device messages, device lists and key counts. Counts are in every response: clients read absent ones as zero. */
export async function deviceSection(
  ctx: Context,
  { request, now, streams, moved }: SyncMoment,
): Promise<DeviceSection> {
  const { userId, deviceId, since } = request
  if (deviceId === undefined) return { json: '', toDevice: now.toDevice, isDelivering: false, hasNews: false }
  const [inbox, lists, stock] = await Promise.all([
    streams.has('to_device')
      ? toDeviceMessages(ctx, { userId, deviceId, since: since?.toDevice, upTo: now.toDevice })
      : { events: [], position: now.toDevice },
    since ? deviceListChanges(ctx, userId, { from: since, to: now, moved }) : { changed: [], left: [] },
    keyStock(ctx, { userId, deviceId }),
  ])
  const json = [
    `"to_device":{"events":${JSON.stringify(inbox.events)}}`,
    `"device_lists":${JSON.stringify(lists)}`,
    keyCounts(stock),
  ].join(',')
  const hasNews = inbox.events.length > 0 || lists.changed.length > 0 || lists.left.length > 0
  return { json, toDevice: inbox.position, isDelivering: inbox.events.length > 0, hasNews }
}

/** What the device has left to hand out, as members of the answer. */
export function keyCounts({ oneTimeKeyCounts, unusedFallbackTypes }: KeyStock): string {
  const fallback = JSON.stringify(unusedFallbackTypes)
  return [
    `"device_one_time_keys_count":${JSON.stringify(oneTimeKeyCounts)}`,
    `"device_unused_fallback_key_types":${fallback}`,
    `"org.matrix.msc2732.device_unused_fallback_key_types":${fallback}`,
  ].join(',')
}
