import { devicesDeleted, keyStocksChanged, type DeviceRef } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'

/** The unclaimed keys of a device, as /sync returns them. */
export async function keyStock({ keyStocks }: Pick<Context, 'keyStocks'>, device: DeviceRef): Promise<KeyStock> {
  const stock = await keyStocks.of(device)
  return { ...stock, oneTimeKeyCounts: countsOf(stock) }
}

/** Zero is explicit for the algorithm that all clients use: an absent count means "unchanged" to some, 0 to others. */
export function countsOf({ oneTimeKeyCounts }: KeyStock): Record<string, number> {
  return { signed_curve25519: 0, ...oneTimeKeyCounts }
}

/** Drops cached key counts when they change in any process; the answer stops it. */
export function followKeyStocks({ bus, keyStocks }: Pick<Context, 'bus' | 'keyStocks'>): () => void {
  const forget = ({ devices }: { devices: readonly DeviceRef[] }) =>
    devices.forEach((device) => keyStocks.forget(device))
  const subscriptions = [bus.subscribe(keyStocksChanged, forget), bus.subscribe(devicesDeleted, forget)]
  return () => subscriptions.forEach((end) => end())
}
