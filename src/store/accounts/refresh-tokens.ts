import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type RefreshToken = Readonly<{
  tokenHash: string
  userId: UserId
  deviceId: string
  /** Hash of the access token that was issued together with this one. */
  accessHash: string
  createdAt: number
  /** Set once a successor was used; kept to notice when a stolen copy is tried. */
  revokedAt: number | undefined
  /** Hash of the refresh token that ends when this one is first used. */
  replaces: string | undefined
}>

type Row = {
  token_hash: string
  user_id: UserId
  device_id: string
  access_hash: string
  created_at: number | string
  revoked_at: number | string | null
  replaces: string | null
}

export const refreshTokens = (db: Db) => ({
  async find(tokenHash: string): Promise<RefreshToken | undefined> {
    const row = await db<Row>('refresh_tokens').where({ token_hash: tokenHash }).first()
    return row && fromRow(row)
  },

  async insert(token: RefreshToken): Promise<void> {
    await db<Row>('refresh_tokens').insert({
      token_hash: token.tokenHash,
      user_id: token.userId,
      device_id: token.deviceId,
      access_hash: token.accessHash,
      created_at: token.createdAt,
      revoked_at: token.revokedAt ?? null,
      replaces: token.replaces ?? null,
    })
  },

  /** Notes that the token or its access token was used: what it replaces is gone. */
  async confirm(accessHash: string): Promise<void> {
    await db<Row>('refresh_tokens').where({ access_hash: accessHash }).update({ replaces: null })
  },

  async revoke(tokenHash: string, now: number): Promise<void> {
    await db<Row>('refresh_tokens').where({ token_hash: tokenHash }).update({ revoked_at: now })
  },

  async revokeForDevice(userId: UserId, deviceId: string, now: number): Promise<void> {
    await db<Row>('refresh_tokens').where({ user_id: userId, device_id: deviceId }).update({ revoked_at: now })
  },

  /** Deletes the unused successors of a refresh token except the one kept, if any, with its access token. */
  async deleteSuccessors(refreshHash: string, keptAccessHash = ''): Promise<void> {
    await db<Row>('refresh_tokens').where({ replaces: refreshHash }).whereNot({ access_hash: keptAccessHash }).delete()
  },

  /** Deletes the device's tokens that were revoked before the time given. */
  async deleteRevoked(userId: UserId, deviceId: string, before: number): Promise<void> {
    await db<Row>('refresh_tokens')
      .where({ user_id: userId, device_id: deviceId })
      .where('revoked_at', '<', before)
      .delete()
  },

  /** Deletes all tokens that were revoked before the time given. */
  async deleteRevokedBefore(before: number): Promise<void> {
    await db<Row>('refresh_tokens').where('revoked_at', '<', before).delete()
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    await db<Row>('refresh_tokens').where({ user_id: userId }).whereIn('device_id', deviceIds).delete()
  },
})

const fromRow = (row: Row): RefreshToken => ({
  tokenHash: row.token_hash,
  userId: row.user_id,
  deviceId: row.device_id,
  accessHash: row.access_hash,
  createdAt: Number(row.created_at),
  revokedAt: row.revoked_at === null ? undefined : Number(row.revoked_at),
  replaces: row.replaces ?? undefined,
})
