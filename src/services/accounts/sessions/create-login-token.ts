import type { Context } from '#context.ts'
import { hashToken, tokenPrefixes } from './token-hash.ts'
import type { UserId } from '#protocol/ids.ts'

/** Long enough to show and scan it as a QR code. */
const lifetimeMs = 120_000

/** Makes a token with which another client can log in as the user, once. */
export async function createLoginToken(
  ctx: Pick<Context, 'store' | 'clock' | 'tokens'>,
  userId: UserId,
): Promise<{ loginToken: string; expiresInMs: number }> {
  const now = ctx.clock.now()
  const loginToken = ctx.tokens.secret(tokenPrefixes.login)
  await ctx.store.accounts.loginTokens.deleteExpired(now)
  await ctx.store.accounts.loginTokens.insert({ tokenHash: hashToken(loginToken), userId, expiresAt: now + lifetimeMs })
  return { loginToken, expiresInMs: lifetimeMs }
}
