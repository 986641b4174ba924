import type { Context, Transaction } from '#context.ts'
import { sessionsChanged } from './session-changes.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'sessions'>

/** Ends devices with all that belongs to them; ids the user does not have are passed over. */
export async function deleteDevices(
  ctx: Needs,
  { userId, deviceIds }: { userId: string; deviceIds: readonly string[] },
): Promise<void> {
  if (deviceIds.length === 0) return
  await ctx.store.transaction((tx) => removeDevices(tx, userId, deviceIds))
  devicesDeleted(ctx, { userId, deviceIds })
}

/** The part inside a transaction; `devicesDeleted` must follow its commit. */
export async function removeDevices(tx: Transaction, userId: string, deviceIds: readonly string[]): Promise<void> {
  await tx.accessTokens.deleteForDevices(userId, deviceIds)
  await tx.refreshTokens.deleteForDevices(userId, deviceIds)
  await tx.devices.delete(userId, deviceIds)
}

/** Tells everybody else: pushers, device lists and open connections of these devices end too. */
export function devicesDeleted(
  ctx: Pick<Context, 'bus' | 'sessions'>,
  { userId, deviceIds }: { userId: string; deviceIds: readonly string[] },
): void {
  sessionsChanged(ctx, userId)
  ctx.bus.publish('devices.deleted', { userId, deviceIds: [...deviceIds] })
}
