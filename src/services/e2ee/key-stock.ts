import { devicesDeleted, keyStocksChanged, type DeviceRef } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'

/** What a device has left to hand out, as /sync tells it. */
export async function keyStock({ keyStocks }: Pick<Context, 'keyStocks'>, device: DeviceRef): Promise<KeyStock> {
  const stock = await keyStocks.of(device)
  return { ...stock, oneTimeKeyCounts: countsOf(stock) }
}

/** Zero is written out for the algorithm that all clients use: some take silence for "unchanged", some for none. */
export function countsOf({ oneTimeKeyCounts }: KeyStock): Record<string, number> {
  return { signed_curve25519: 0, ...oneTimeKeyCounts }
}

/** Keeps what this process knows of stocks in step with changes anywhere; the answer stops it. */
export function followKeyStocks({ bus, keyStocks }: Pick<Context, 'bus' | 'keyStocks'>): () => void {
  const forget = ({ devices }: { devices: readonly DeviceRef[] }) =>
    devices.forEach((device) => keyStocks.forget(device))
  const subscriptions = [bus.subscribe(keyStocksChanged, forget), bus.subscribe(devicesDeleted, forget)]
  return () => subscriptions.forEach((end) => end())
}
