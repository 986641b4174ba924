import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type Device = {
  userId: UserId
  deviceId: string
  displayName: string | undefined
  createdAt: number
  lastSeenAt: number | undefined
  lastSeenIp: string | undefined
  lastSeenUserAgent: string | undefined
}

export type NewDevice = Pick<Device, 'userId' | 'deviceId' | 'displayName' | 'createdAt'>

/** When a device last made a request, and from which address. */
export type Sighting = { at: number; ip: string; userAgent: string }

type Row = {
  user_id: UserId
  device_id: string
  display_name: string | null
  created_at: number | string
  last_seen_at: number | string | null
  last_seen_ip: string | null
  last_seen_user_agent: string | null
}

export const devices = (db: Db) => ({
  async find(userId: UserId, deviceId: string): Promise<Device | undefined> {
    const row = await db<Row>('devices').where({ user_id: userId, device_id: deviceId }).first()
    return row && fromRow(row)
  },

  async list(userId: UserId): Promise<Device[]> {
    const rows = await db<Row>('devices').where({ user_id: userId }).orderBy('device_id')
    return rows.map(fromRow)
  },

  async count(userId: UserId): Promise<number> {
    const row = await db<Row>('devices').where({ user_id: userId }).count({ count: '*' }).first()
    return Number(row?.count ?? 0)
  },

  /** False when the user has a device of that id, which stays as it is. */
  async insert({ userId, deviceId, displayName, createdAt }: NewDevice): Promise<boolean> {
    const inserted = await db<Row>('devices')
      .insert({ user_id: userId, device_id: deviceId, display_name: displayName ?? null, created_at: createdAt })
      .onConflict(['user_id', 'device_id'])
      .ignore()
      .returning('device_id')
    return inserted.length === 1
  },

  /** False when there is no such device. */
  async rename(userId: UserId, deviceId: string, displayName: string | undefined): Promise<boolean> {
    const count = await db<Row>('devices')
      .where({ user_id: userId, device_id: deviceId })
      .update({ display_name: displayName ?? null })
    return count === 1
  },

  async recordSighting(userId: UserId, deviceId: string, { at, ip, userAgent }: Sighting): Promise<void> {
    await db<Row>('devices')
      .where({ user_id: userId, device_id: deviceId })
      .update({ last_seen_at: at, last_seen_ip: ip, last_seen_user_agent: userAgent })
  },

  async delete(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    await db<Row>('devices').where({ user_id: userId }).whereIn('device_id', deviceIds).delete()
  },
})

const fromRow = (row: Row): Device => ({
  userId: row.user_id,
  deviceId: row.device_id,
  displayName: row.display_name ?? undefined,
  createdAt: Number(row.created_at),
  lastSeenAt: row.last_seen_at === null ? undefined : Number(row.last_seen_at),
  lastSeenIp: row.last_seen_ip ?? undefined,
  lastSeenUserAgent: row.last_seen_user_agent ?? undefined,
})
