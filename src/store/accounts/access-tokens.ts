import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type AccessToken = Readonly<{
  /** SHA-256 of the token: the token itself is never stored. */
  tokenHash: string
  userId: UserId
  /** Absent for tokens that act without a device. */
  deviceId: string | undefined
  createdAt: number
  expiresAt: number | undefined
  /** Hash of the refresh token that ends when this token is first used. */
  replaces: string | undefined
}>

type Row = {
  token_hash: string
  user_id: UserId
  device_id: string | null
  created_at: number | string
  expires_at: number | string | null
  replaces: string | null
}

export const accessTokens = (db: Db) => ({
  async find(tokenHash: string): Promise<AccessToken | undefined> {
    const row = await db<Row>('access_tokens').where({ token_hash: tokenHash }).first()
    return row && fromRow(row)
  },

  async insert(token: AccessToken): Promise<void> {
    await db<Row>('access_tokens').insert({
      token_hash: token.tokenHash,
      user_id: token.userId,
      device_id: token.deviceId ?? null,
      created_at: token.createdAt,
      expires_at: token.expiresAt ?? null,
      replaces: token.replaces ?? null,
    })
  },

  async confirm(tokenHash: string): Promise<void> {
    await db<Row>('access_tokens').where({ token_hash: tokenHash }).update({ replaces: null })
  },

  async delete(tokenHash: string): Promise<void> {
    await db<Row>('access_tokens').where({ token_hash: tokenHash }).delete()
  },

  /** Deletes the unused successors of a refresh token except the one kept, if any. */
  async deleteSuccessors(refreshHash: string, keptHash = ''): Promise<void> {
    await db<Row>('access_tokens').where({ replaces: refreshHash }).whereNot({ token_hash: keptHash }).delete()
  },

  /** Makes the device's tokens expire, so that its client gets a soft logout. */
  async expireForDevice(userId: UserId, deviceId: string, now: number): Promise<void> {
    await db<Row>('access_tokens').where({ user_id: userId, device_id: deviceId }).update({ expires_at: now })
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    await db<Row>('access_tokens').where({ user_id: userId }).whereIn('device_id', deviceIds).delete()
  },

  /** Tokens without a device, too. */
  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('access_tokens').where({ user_id: userId }).delete()
  },
})

const fromRow = (row: Row): AccessToken => ({
  tokenHash: row.token_hash,
  userId: row.user_id,
  deviceId: row.device_id ?? undefined,
  createdAt: Number(row.created_at),
  expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
  replaces: row.replaces ?? undefined,
})
