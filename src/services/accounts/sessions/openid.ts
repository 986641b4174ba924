import type { Context } from '#context.ts'
import { hashToken, tokenPrefixes } from './token-hash.ts'
import type { UserId } from '#protocol/ids.ts'

const lifetimeMs = 3_600_000

export type OpenidToken = { token: string; expiresInMs: number }

/** A token that lets a third party see who the user is, and nothing more. https://spec.matrix.org/v1.19/client-server-api/#openid */
export async function createOpenidToken(
  { store, tokens, clock, config }: Pick<Context, 'store' | 'tokens' | 'clock' | 'config'>,
  { userId, deviceId = '' }: { userId: UserId; deviceId: string | undefined },
): Promise<OpenidToken> {
  const token = tokens.secret(tokenPrefixes.openid)
  const now = clock.now()
  const expiresAt = now + lifetimeMs
  await store.transaction(async (tx) => {
    await tx.accounts.openidTokens.insert({ tokenHash: hashToken(token), userId, deviceId, expiresAt })
    await tx.accounts.openidTokens.keepNewest(userId, config.limits.openid_tokens_per_user)
  })
  return { token, expiresInMs: lifetimeMs }
}

/** The user of the token; undefined when it is unknown or expired. */
export async function findOpenidUser(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  token: string,
): Promise<UserId | undefined> {
  return store.accounts.openidTokens.find(hashToken(token), clock.now())
}
