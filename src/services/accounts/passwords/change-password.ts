import type { Context } from '#context.ts'
import { notFound } from '#base/errors.ts'
import { devicesDeleted } from '#services/accounts/sessions/delete-devices.ts'
import { findAccount } from '#services/accounts/find-account.ts'
import { endSessions } from '#services/accounts/sessions/log-out.ts'
import { hashPassword } from './password-hash.ts'
import { checkPassword } from './password-rules.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'tokens' | 'bus' | 'sessions'>

export type PasswordChange = {
  userId: UserId
  password: string
  /** Whether all devices except the one to keep are logged out. */
  logOutDevices: boolean
  keptDeviceId?: string | undefined
}

/** Changes the password, and ends sessions in the same transaction. */
export async function changePassword(ctx: Needs, change: PasswordChange): Promise<void> {
  const { userId, password, logOutDevices, keptDeviceId } = change
  checkPassword(ctx, password)
  const passwordHash = await hashPassword(ctx, password)
  const removed = await ctx.store.transaction(async (tx) => {
    await tx.accounts.accounts.setPasswordHash(userId, passwordHash)
    return logOutDevices ? endSessions(tx, userId, keptDeviceId) : undefined
  })
  if (removed) devicesDeleted(ctx, removed)
}

/** The same for operators; `user` is a localpart or a user id. Answers the user id. */
export async function resetPassword(
  ctx: Needs,
  { user, password, logOutDevices = true }: { user: string; password: string; logOutDevices?: boolean },
): Promise<string> {
  const account = await findAccount(ctx, user)
  if (account === undefined || account.deactivatedAt !== undefined) throw notFound('There is no such account')
  await changePassword(ctx, { userId: account.userId, password, logOutDevices })
  return account.userId
}
