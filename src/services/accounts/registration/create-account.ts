import type { Context, Transaction } from '#context.ts'
import { userInUse } from '#base/errors.ts'
import { newUserId } from './new-user-id.ts'
import { hashPassword } from '#services/accounts/passwords/password-hash.ts'
import { checkPassword } from '#services/accounts/passwords/password-rules.ts'
import { localpartOf, type UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'userNamespaces'>

export type NewAccount = { localpart: string; password: string; admin?: boolean; userType?: string }

/** Makes an account for an operator: registration rules do not apply, those for names and passwords do. */
export async function createAccount(ctx: Needs, account: NewAccount): Promise<{ userId: UserId }> {
  const { localpart, password, admin = false, userType } = account
  checkPassword(ctx, password)
  const userId = await newUserId(ctx, localpart)
  const passwordHash = await hashPassword(ctx, password)
  await ctx.store.transaction((tx) => addAccount(ctx, tx, { userId, passwordHash, isAdmin: admin, userType }))
  return { userId }
}

export type AccountRow = Omit<Parameters<Transaction['accounts']['accounts']['insert']>[0], 'createdAt'>

/** Inserts the account, or refuses when another request has taken the user id. */
export async function addAccount(
  ctx: Pick<Context, 'clock' | 'config'>,
  tx: Transaction,
  account: AccountRow,
): Promise<void> {
  const isNew = await tx.accounts.accounts.insert({ ...account, createdAt: ctx.clock.now() })
  if (!isNew) throw userInUse()
  if (ctx.config.registration.default_display_name === 'localpart')
    await tx.accounts.profiles.setField(account.userId, 'displayname', localpartOf(account.userId))
  // An invitation to become the first administrator must not outlive the need for it.
  if (account.isAdmin) await tx.accounts.registrationTokens.deleteAdminInvitations()
}
