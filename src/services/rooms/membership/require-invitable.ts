import { forbidden, inviteBlocked, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isRemoteUser } from './is-remote-user.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'

/**
 * Refuses users who do not exist, and with M_INVITE_BLOCKED those who block invites.
 * https://spec.matrix.org/v1.19/client-server-api/#invite-permission
 */
export async function requireInvitable(
  ctx: Pick<Context, 'config' | 'store' | 'serverAccess'>,
  userId: UserId,
): Promise<void> {
  if (isRemoteUser(ctx, userId)) {
    // Whether they can be invited their server says, which must sign the invite.
    if (!ctx.serverAccess(serverOf(userId))) throw forbidden('Users of that server cannot be invited')
    return
  }
  const account = await ctx.store.accounts.accounts.find(userId)
  if (!account || account.deactivatedAt !== undefined) throw notFound('There is no such user')
  const key = { userId, roomId: '' as const, type: 'm.invite_permission_config' }
  const permission = await ctx.store.accounts.accountData.find(key)
  if (permission && (JSON.parse(permission) as JsonObject).default_action === 'block') throw inviteBlocked()
}
