import type { Context } from '#context.ts'
import { serverOf } from '#protocol/ids.ts'
import { leaveRoomsOf } from '#services/accounts/deactivate.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'

/**
 * Makes users leave whose accounts were deactivated while they were joining. To be called after the commit: the job that
 * makes deactivated users leave reads their rooms after the deactivation, so either it finds the membership, or the
 * deactivation is found here.
 */
export async function makeDeactivatedLeave(
  ctx: Pick<Context, 'store' | 'bus' | 'clock' | 'tokens' | 'signingKey'>,
  events: readonly Pick<EventWrite, 'memberships'>[],
): Promise<void> {
  const entered = events
    .flatMap(({ memberships = [] }) => memberships)
    .filter(({ membership }) => membership === 'join' || membership === 'invite' || membership === 'knock')
    .map(({ userId }) => userId)
    .filter((userId) => serverOf(userId) === ctx.signingKey.serverName)
  if (entered.length === 0) return
  await leaveRoomsOf(ctx, await ctx.store.accounts.accounts.deactivatedAmong(entered))
}
