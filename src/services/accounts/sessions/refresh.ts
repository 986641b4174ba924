import type { Context, Transaction } from '#context.ts'
import { unknownToken } from '#base/errors.ts'
import { issueTokens, type IssuedTokens } from './issue-tokens.ts'
import { refuseUnusable } from './refuse-unusable.ts'
import { announceSessions } from './session-changes.ts'
import { hashToken } from './token-hash.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'sessions'>

/** How long a used refresh token is kept, to notice that a copy of it is used. */
const revokedMemoryMs = 7 * 24 * 3_600_000

/**
 * Exchanges a refresh token for new tokens; the old ones work until one of the new is used. Tokens of an earlier refresh
 * that were never used end: their response was lost.
 */
export async function refresh(ctx: Needs, refreshToken: string): Promise<IssuedTokens> {
  const tokenHash = hashToken(refreshToken)
  const token = await ctx.store.accounts.refreshTokens.find(tokenHash)
  if (token === undefined) throw unknownToken('Unknown refresh token')
  const { userId, deviceId } = token
  const account = await ctx.store.accounts.accounts.find(userId)
  if (account === undefined) throw unknownToken('Unknown refresh token')
  refuseUnusable(account)
  const now = ctx.clock.now()
  const issued = await ctx.store.transaction(async (tx) => {
    const current = await tx.accounts.refreshTokens.find(tokenHash)
    if (current === undefined) return undefined
    if (current.revokedAt !== undefined) return endFamily(tx, { userId, deviceId, now })
    if (current.replaces)
      await endPredecessor(tx, { refreshHash: current.replaces, keptAccess: current.accessHash, now })
    await tx.accounts.accessTokens.deleteSuccessors(tokenHash)
    await tx.accounts.refreshTokens.deleteSuccessors(tokenHash)
    await tx.accounts.refreshTokens.deleteRevoked(userId, deviceId, now - revokedMemoryMs)
    return issueTokens(ctx, tx, { userId, deviceId, refreshable: true, replaces: tokenHash })
  })
  announceSessions(ctx, userId)
  if (issued === undefined) throw unknownToken('The refresh token was used before', true)
  return issued
}

/** Deletes the tokens that a new access token replaces, on its first use. */
export async function confirmRefresh(
  ctx: Pick<Context, 'store' | 'clock' | 'bus' | 'sessions'>,
  { replaces, accessHash, userId }: { replaces: string; accessHash: string; userId: UserId },
): Promise<void> {
  const now = ctx.clock.now()
  await ctx.store.transaction((tx) => endPredecessor(tx, { refreshHash: replaces, keptAccess: accessHash, now }))
  announceSessions(ctx, userId)
}

type Succession = { refreshHash: string; keptAccess: string; now: number }

async function endPredecessor(tx: Transaction, { refreshHash, keptAccess, now }: Succession): Promise<void> {
  const old = await tx.accounts.refreshTokens.find(refreshHash)
  if (old) await tx.accounts.accessTokens.delete(old.accessHash)
  await tx.accounts.refreshTokens.revoke(refreshHash, now)
  await tx.accounts.accessTokens.deleteSuccessors(refreshHash, keptAccess)
  await tx.accounts.refreshTokens.deleteSuccessors(refreshHash, keptAccess)
  await tx.accounts.accessTokens.confirm(keptAccess)
  await tx.accounts.refreshTokens.confirm(keptAccess)
}

/** A used token was used again, so a copy exists: all tokens of the device end. */
async function endFamily(
  tx: Transaction,
  { userId, deviceId, now }: { userId: UserId; deviceId: string; now: number },
): Promise<undefined> {
  await tx.accounts.refreshTokens.revokeForDevice(userId, deviceId, now)
  await tx.accounts.accessTokens.expireForDevice(userId, deviceId, now)
}
