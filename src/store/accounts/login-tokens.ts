import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type LoginToken = Readonly<{ tokenHash: string; userId: UserId; expiresAt: number }>

type Row = { token_hash: string; user_id: UserId; expires_at: number | string }

export const loginTokens = (db: Db) => ({
  async find(tokenHash: string): Promise<LoginToken | undefined> {
    const row = await db<Row>('login_tokens').where({ token_hash: tokenHash }).first()
    return row && { tokenHash: row.token_hash, userId: row.user_id, expiresAt: Number(row.expires_at) }
  },

  async insert({ tokenHash, userId, expiresAt }: LoginToken): Promise<void> {
    await db<Row>('login_tokens').insert({ token_hash: tokenHash, user_id: userId, expires_at: expiresAt })
  },

  /** False when another request was faster: each token works once. */
  async delete(tokenHash: string): Promise<boolean> {
    return (await db<Row>('login_tokens').where({ token_hash: tokenHash }).delete()) === 1
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('login_tokens').where({ user_id: userId }).delete()
  },

  async deleteExpired(now: number): Promise<void> {
    await db<Row>('login_tokens').where('expires_at', '<=', now).delete()
  },
})
