import type { Context } from '#context.ts'
import type { KeyStock } from '#store/e2ee/one-time-keys.ts'
import type { UserId } from '#protocol/ids.ts'

/** What a device has left to hand out, in one read of one row, as /sync tells it. */
export async function keyStock(ctx: Pick<Context, 'store'>, userId: UserId, deviceId: string): Promise<KeyStock> {
  const stock = await ctx.store.e2ee.oneTimeKeys.stock(userId, deviceId)
  return { ...stock, oneTimeKeyCounts: countsOf(stock) }
}

/** Zero is written out for the algorithm that all clients use: some take silence for "unchanged", some for none. */
export function countsOf({ oneTimeKeyCounts }: KeyStock): Record<string, number> {
  return { signed_curve25519: 0, ...oneTimeKeyCounts }
}
