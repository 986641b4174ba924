import { accountDeactivated } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { devicesDeleted, removeDevices } from './sessions/delete-devices.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'clock' | 'bus' | 'sessions'>

/** Ends an account for good; its rooms are left by whoever listens to `accountDeactivated`. */
export async function deactivate(ctx: Needs, { userId, erase }: { userId: UserId; erase: boolean }): Promise<void> {
  const removed = await ctx.store.transaction(async (tx) => {
    await tx.accounts.accounts.deactivate(userId, { at: ctx.clock.now(), erase })
    await tx.accounts.accessTokens.deleteForUser(userId)
    await tx.accounts.loginTokens.deleteForUser(userId)
    await tx.accounts.interactiveSessions.deleteForUser(userId)
    await tx.accounts.openidTokens.deleteForUser(userId)
    await tx.push.pushers.deleteForUser(userId)
    await tx.accounts.filters.deleteForUser(userId)
    await tx.accounts.accountData.deleteForUser(userId)
    if (erase) await tx.accounts.profiles.deleteForUser(userId)
    const deviceIds = (await tx.accounts.devices.list(userId)).map(({ deviceId }) => deviceId)
    return removeDevices(tx, { userId, deviceIds })
  })
  devicesDeleted(ctx, removed)
  ctx.bus.publish(accountDeactivated, { userId })
}
