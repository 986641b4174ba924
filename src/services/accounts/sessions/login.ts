import type { Context } from '#context.ts'
import { exclusive, forbidden } from '#base/errors.ts'
import type { Account } from '#store/accounts/accounts.ts'
import { findAccount } from '#services/accounts/find-account.ts'
import { checkSessionOptions, openSession, type SessionOptions, type OpenedSession } from './open-session.ts'
import { verifyPassword } from '#services/accounts/passwords/password-hash.ts'
import { refuseUnusable } from './refuse-unusable.ts'
import { announceSessions } from './session-changes.ts'
import { hashToken } from './token-hash.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'sessions' | 'rateBuckets'>

/** Logs in with a localpart or user id and a password; an unknown user costs as much time as a wrong password. */
export async function loginWithPassword(
  ctx: Needs,
  { user, password, options }: { user: string; password: string; options: SessionOptions },
): Promise<OpenedSession> {
  checkSessionOptions(options)
  const account = await findAccount(ctx, user)
  ctx.rateBuckets.spend('login', `account ${account?.userId ?? user.slice(0, 255)}`)
  const isRight = await verifyPassword(ctx, password, account?.passwordHash)
  // Only after the password check: others must not learn that the account is deactivated or locked.
  if (account === undefined || !isRight) throw forbidden('Wrong user name or password')
  refuseUnusable(account)
  return enter(ctx, account, options)
}

/** Logs in with a token from `createLoginToken`, once. */
export async function loginWithToken(
  ctx: Needs,
  { token, options }: { token: string; options: SessionOptions },
): Promise<OpenedSession> {
  checkSessionOptions(options)
  const tokenHash = hashToken(token)
  const found = await ctx.store.accounts.loginTokens.find(tokenHash)
  const isTaken = found !== undefined && (await ctx.store.accounts.loginTokens.delete(tokenHash))
  if (!isTaken || found.expiresAt <= ctx.clock.now()) throw forbidden('The login token is not valid')
  const account = await ctx.store.accounts.accounts.find(found.userId)
  if (account === undefined) throw forbidden('The login token is not valid')
  refuseUnusable(account)
  return enter(ctx, account, options)
}

/** Logs in a registered user in the namespace of an application service. */
export async function loginForAppservice(
  ctx: Needs & Pick<Context, 'userNamespaces'>,
  { appserviceId, user, options }: { appserviceId: string; user: string; options: SessionOptions },
): Promise<OpenedSession> {
  checkSessionOptions(options)
  const account = await findAccount(ctx, user)
  if (account === undefined) throw forbidden('The user is not registered')
  if (!ctx.userNamespaces.mayActAs(appserviceId, account.userId)) throw exclusive()
  refuseUnusable(account)
  return enter(ctx, account, options)
}

/** The password must still be valid inside the transaction: it may have been changed meanwhile. */
async function enter(ctx: Needs, { userId, passwordHash }: Account, options: SessionOptions): Promise<OpenedSession> {
  const session = await ctx.store.transaction(async (tx) => {
    const account = await tx.accounts.accounts.hold({ userId, passwordHash })
    if (!account) throw forbidden('The password was changed meanwhile')
    refuseUnusable(account)
    return openSession(ctx, tx, { userId, ...options })
  })
  announceSessions(ctx, userId)
  return session
}
