import type { Db } from './db.ts'

/** A change that others must ask keys anew for. */
export type DeviceListChange = {
  userId: string
  /** Absent: the cross-signing keys. */
  deviceId?: string
  /** Absent: everybody who shares a room; else the only user who may see it. */
  observerId?: string
}

type Row = { user_id: string; device_id: string; observer_id: string; position: number }

export const deviceLists = (db: Db) => ({
  /** Notes changes at a position of the stream; a device keeps its newest one only. */
  async record(changes: readonly DeviceListChange[], position: number): Promise<void> {
    const rows = changes.map(({ userId, deviceId = '', observerId = '' }) => ({
      user_id: userId,
      device_id: deviceId,
      observer_id: observerId,
      position,
    }))
    for (let start = 0; start < rows.length; start += 200)
      await db<Row>('device_list_changes')
        .insert(rows.slice(start, start + 200))
        .onConflict(['user_id', 'device_id', 'observer_id'])
        .merge()
  },

  /** Users with a change after the position that the observer may see, wherever they are. */
  async changedUsers(observerId: string, after: number): Promise<string[]> {
    // Not "distinct": SQLite would read the whole table for it.
    const userIds = (await db<Row>('device_list_changes')
      .where('position', '>', after)
      .whereIn('observer_id', ['', observerId])
      .pluck('user_id')) as string[]
    return [...new Set(userIds)]
  },

  /** Changes for everybody after the position, in order: what other servers are told. */
  async listAfter(after: number, limit: number): Promise<{ userId: string; deviceId: string; position: number }[]> {
    const rows = await db<Row>('device_list_changes')
      .where('position', '>', after)
      .where({ observer_id: '' })
      .orderBy(['position', 'user_id', 'device_id'])
      .limit(limit)
    return rows.map((row) => ({ userId: row.user_id, deviceId: row.device_id, position: Number(row.position) }))
  },
})
