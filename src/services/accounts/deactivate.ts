import type { Context } from '#context.ts'
import { devicesDeleted, removeDevices } from './sessions/delete-devices.ts'

type Needs = Pick<Context, 'store' | 'clock' | 'bus' | 'sessions'>

/** Ends an account for good; its rooms are left by whoever follows `account.deactivated`. */
export async function deactivate(ctx: Needs, { userId, erase }: { userId: string; erase: boolean }): Promise<void> {
  const removed = await ctx.store.transaction(async (tx) => {
    await tx.accounts.deactivate(userId, { at: ctx.clock.now(), erase })
    await tx.accessTokens.deleteForUser(userId)
    await tx.loginTokens.deleteForUser(userId)
    await tx.interactiveSessions.deleteForUser(userId)
    await tx.openidTokens.deleteForUser(userId)
    await tx.pushers.deleteForUser(userId)
    await tx.filters.deleteForUser(userId)
    await tx.accountData.deleteForUser(userId)
    if (erase) await tx.profiles.deleteForUser(userId)
    const deviceIds = (await tx.devices.list(userId)).map(({ deviceId }) => deviceId)
    return removeDevices(tx, { userId, deviceIds })
  })
  devicesDeleted(ctx, removed)
  ctx.bus.publish('account.deactivated', userId)
}
