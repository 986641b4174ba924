import type { Context } from '#context.ts'
import { hashToken, tokenPrefixes } from './token-hash.ts'
import type { UserId } from '#protocol/ids.ts'

const lifetimeMs = 3_600_000

export type OpenidToken = { token: string; expiresInMs: number }

/** A token that lets a third party see who the user is, and nothing more. https://spec.matrix.org/v1.19/client-server-api/#openid */
export async function createOpenidToken(
  { store, tokens, clock }: Pick<Context, 'store' | 'tokens' | 'clock'>,
  userId: UserId,
): Promise<OpenidToken> {
  const token = tokens.secret(tokenPrefixes.openid)
  const now = clock.now()
  await store.accounts.openidTokens.deleteExpired(now)
  await store.accounts.openidTokens.insert(hashToken(token), userId, now + lifetimeMs)
  return { token, expiresInMs: lifetimeMs }
}

/** Whose token it is; undefined when it is none, or no longer. */
export async function findOpenidUser(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  token: string,
): Promise<UserId | undefined> {
  return store.accounts.openidTokens.find(hashToken(token), clock.now())
}
