import type { Context } from '#context.ts'
import { serverOf } from '#protocol/ids.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'

/**
 * Sees to it that nobody whose account has ended stays in a room that they entered meanwhile. To be called after the
 * commit: whoever makes the deactivated leave looks for their rooms after the account has ended, so either finds the
 * membership, or the end of the account is found here.
 */
export async function makeFormerLeave(
  { store, bus, signingKey }: Pick<Context, 'store' | 'bus' | 'signingKey'>,
  events: readonly Pick<EventWrite, 'memberships'>[],
): Promise<void> {
  const entered = events
    .flatMap(({ memberships = [] }) => memberships)
    .filter(({ membership }) => membership === 'join' || membership === 'invite' || membership === 'knock')
    .map(({ userId }) => userId)
    .filter((userId) => serverOf(userId) === signingKey.serverName)
  if (entered.length === 0) return
  for (const userId of await store.accounts.accounts.deactivatedAmong(entered))
    bus.publish('account.deactivated', userId)
}
