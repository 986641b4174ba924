import type { Context, Transaction } from '#context.ts'
import { hashToken, tokenPrefixes } from './token-hash.ts'
import type { UserId } from '#protocol/ids.ts'

export type IssuedTokens = { accessToken: string; refreshToken: string | undefined; expiresInMs: number | undefined }

export type TokenRequest = {
  userId: UserId
  deviceId: string
  /** Whether the client can refresh: only then access tokens expire. */
  refreshable: boolean
  /** Hash of the refresh token that the new tokens replace on their first use. */
  replaces?: string
}

/** Makes an access token for a device, and the refresh token that goes with it. */
export async function issueTokens(
  ctx: Pick<Context, 'config' | 'clock' | 'tokens'>,
  tx: Transaction,
  { userId, deviceId, refreshable, replaces }: TokenRequest,
): Promise<IssuedTokens> {
  const now = ctx.clock.now()
  const accessToken = ctx.tokens.secret(tokenPrefixes.access)
  const refreshToken = refreshable ? ctx.tokens.secret(tokenPrefixes.refresh) : undefined
  const expiresInMs = refreshable ? ctx.config.accounts.access_token_lifetime_ms : undefined
  const expiresAt = expiresInMs === undefined ? undefined : now + expiresInMs
  const accessHash = hashToken(accessToken)
  const owner = { userId, deviceId, createdAt: now, replaces }
  await tx.accounts.accessTokens.insert({ ...owner, tokenHash: accessHash, expiresAt })
  if (refreshToken !== undefined)
    await tx.accounts.refreshTokens.insert({
      ...owner,
      tokenHash: hashToken(refreshToken),
      accessHash,
      revokedAt: undefined,
    })
  return { accessToken, refreshToken, expiresInMs }
}
