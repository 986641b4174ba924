import { accountDeactivated, accountErased, jobsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { devicesDeleted, removeDevices } from './sessions/delete-devices.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'clock' | 'bus' | 'sessions' | 'tokens'>

/** The kind of the job that leaves the rooms of a deactivated user; its key is the user id. */
export const leaveRoomsJob = 'leave-rooms'

/** Requests that job for deactivated users who are in a room nevertheless. */
export async function leaveRoomsOf(
  { store, tokens, clock, bus }: Pick<Context, 'store' | 'tokens' | 'clock' | 'bus'>,
  userIds: readonly UserId[],
): Promise<void> {
  for (const userId of userIds)
    await store.jobs.jobs.addAgain({
      id: tokens.id(16),
      kind: leaveRoomsJob,
      key: userId,
      payload: {},
      now: clock.now(),
    })
  if (userIds.length > 0) bus.publish(jobsChanged, { kind: leaveRoomsJob })
}

/** Deactivates an account; a job leaves its rooms. */
export async function deactivate(ctx: Needs, { userId, erase }: { userId: UserId; erase: boolean }): Promise<void> {
  const now = ctx.clock.now()
  const removed = await ctx.store.transaction(async (tx) => {
    await tx.accounts.accounts.deactivate(userId, { at: now, erase })
    await tx.accounts.accessTokens.deleteForUser(userId)
    await tx.accounts.loginTokens.deleteForUser(userId)
    await tx.accounts.interactiveSessions.deleteForUser(userId)
    await tx.accounts.openidTokens.deleteForUser(userId)
    await tx.push.pushers.deleteForUser(userId)
    await tx.accounts.filters.deleteForUser(userId)
    await tx.accounts.accountData.deleteForUser(userId)
    await tx.presences.deleteForUsers([userId])
    if (erase) await tx.accounts.profiles.deleteForUser(userId)
    await tx.jobs.jobs.addAgain({ id: ctx.tokens.id(16), kind: leaveRoomsJob, key: userId, payload: {}, now })
    const deviceIds = (await tx.accounts.devices.list(userId)).map(({ deviceId }) => deviceId)
    return removeDevices(tx, { userId, deviceIds })
  })
  if (erase) ctx.bus.publish(accountErased, { userId })
  devicesDeleted(ctx, removed)
  ctx.bus.publish(accountDeactivated, { userId })
  ctx.bus.publish(jobsChanged, { kind: leaveRoomsJob })
}
