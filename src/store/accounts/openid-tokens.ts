import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

/** A token that proves to third parties who a user is; kept as a hash. */
export type OpenidToken = Readonly<{
  tokenHash: string
  userId: UserId
  /** The device whose session asked for it; '' for none. */
  deviceId: string
  expiresAt: number
}>

type Row = { token_hash: string; user_id: UserId; device_id: string; expires_at: number }

export const openidTokens = (db: Db) => ({
  async insert({ tokenHash, userId, deviceId, expiresAt }: OpenidToken): Promise<void> {
    await db<Row>('openid_tokens').insert({
      token_hash: tokenHash,
      user_id: userId,
      device_id: deviceId,
      expires_at: expiresAt,
    })
  },

  /** The user of the token, if it is valid at that time. */
  async find(tokenHash: string, now: number): Promise<UserId | undefined> {
    const row = await db<Row>('openid_tokens').where({ token_hash: tokenHash }).where('expires_at', '>', now).first()
    return row?.user_id
  },

  /** Deletes those of a user but for the newest. */
  async keepNewest(userId: UserId, most: number): Promise<void> {
    const newest = db<Row>('openid_tokens')
      .where({ user_id: userId })
      .orderBy([{ column: 'expires_at', order: 'desc' }, 'token_hash'])
      .limit(most)
      .select('token_hash')
    await db<Row>('openid_tokens').where({ user_id: userId }).whereNotIn('token_hash', newest).delete()
  },

  async deleteExpired(now: number): Promise<void> {
    await db<Row>('openid_tokens').where('expires_at', '<=', now).delete()
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    await db<Row>('openid_tokens').where({ user_id: userId }).whereIn('device_id', deviceIds).delete()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('openid_tokens').where({ user_id: userId }).delete()
  },
})
