import type { Context, Transaction } from '#context.ts'
import { userInUse } from '#base/errors.ts'
import { newUserId } from './new-user-id.ts'
import { hashPassword } from '#services/accounts/passwords/password-hash.ts'
import { checkPassword } from '#services/accounts/passwords/password-rules.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'userNamespaces'>

export type NewAccount = { localpart: string; password: string; admin?: boolean; userType?: string }

/** Makes an account for whoever runs the server: registration rules do not apply, those for names and passwords do. */
export async function createAccount(ctx: Needs, account: NewAccount): Promise<{ userId: UserId }> {
  const { localpart, password, admin = false, userType } = account
  checkPassword(ctx, password)
  const userId = await newUserId(ctx, localpart)
  const passwordHash = await hashPassword(ctx, password)
  await ctx.store.transaction((tx) => addAccount(ctx, tx, { userId, passwordHash, isAdmin: admin, userType }))
  return { userId }
}

export type AccountRow = Omit<Parameters<Transaction['accounts']['accounts']['insert']>[0], 'createdAt'>

/** Takes the user id for good, or refuses because somebody was faster. */
export async function addAccount(ctx: Pick<Context, 'clock'>, tx: Transaction, account: AccountRow): Promise<void> {
  const isNew = await tx.accounts.accounts.insert({ ...account, createdAt: ctx.clock.now() })
  if (!isNew) throw userInUse()
  // An invitation to become the first administrator must not outlive the need for it.
  if (account.isAdmin) await tx.accounts.registrationTokens.deleteAdminInvitations()
}
