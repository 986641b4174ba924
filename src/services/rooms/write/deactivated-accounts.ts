import type { Context } from '#context.ts'
import { serverOf } from '#protocol/ids.ts'
import { leaveRoomsOf } from '#services/accounts/deactivate.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'

/**
 * Sees to it that nobody whose account has ended stays in a room that they entered meanwhile. To be called after the
 * commit: whoever makes the deactivated leave looks for their rooms after the account has ended, so either finds the
 * membership, or the end of the account is found here.
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
