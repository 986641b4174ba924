import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

type Row = { token_hash: string; user_id: UserId; expires_at: number }

/** Tokens that prove to third parties who a user is; kept as hashes. */
export const openidTokens = (db: Db) => ({
  async insert(tokenHash: string, userId: UserId, expiresAt: number): Promise<void> {
    await db<Row>('openid_tokens').insert({ token_hash: tokenHash, user_id: userId, expires_at: expiresAt })
  },

  /** Whose token it is, if it is valid at that time. */
  async find(tokenHash: string, now: number): Promise<UserId | undefined> {
    const row = await db<Row>('openid_tokens').where({ token_hash: tokenHash }).where('expires_at', '>', now).first()
    return row?.user_id
  },

  async deleteExpired(now: number): Promise<void> {
    await db<Row>('openid_tokens').where('expires_at', '<=', now).delete()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('openid_tokens').where({ user_id: userId }).delete()
  },
})
