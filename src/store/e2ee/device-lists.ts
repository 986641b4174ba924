import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

/** A change that others must ask keys anew for. */
export type DeviceListChange = Readonly<{
  userId: UserId
  /** Absent: the cross-signing keys. */
  deviceId?: string
  /** Absent: all users who share a room; else the only user who may see it. */
  observerId?: UserId
}>

type Row = { user_id: UserId; device_id: string; observer_id: string; position: number }

export const deviceLists = (db: Db) => ({
  /** Records changes at a position of the stream; a device keeps its newest one only. */
  async record(changes: readonly DeviceListChange[], position: number): Promise<void> {
    const rows = changes.map(({ userId, deviceId = '', observerId = '' }) => ({
      user_id: userId,
      device_id: deviceId,
      observer_id: observerId,
      position,
    }))
    for (const slice of inSlices(rows, 200))
      await db<Row>('device_list_changes').insert(slice).onConflict(['user_id', 'device_id', 'observer_id']).merge()
  },

  /** Users with a change after the position that the observer may see, wherever they are. */
  async changedUsers(observerId: UserId, after: number): Promise<UserId[]> {
    // Not "distinct": SQLite would read the whole table for it.
    const userIds = (await db<Row>('device_list_changes')
      .where('position', '>', after)
      .whereIn('observer_id', ['', observerId])
      .pluck('user_id')) as UserId[]
    return [...new Set(userIds)]
  },

  /** Position of the newest change of a user that all may see; 0 for none. */
  async newestOf(userId: UserId): Promise<number> {
    const row = await db<Row>('device_list_changes')
      .where({ user_id: userId, observer_id: '' })
      .max({ position: 'position' })
      .first()
    return Number(row?.position ?? 0)
  },

  /** The newest change of each device of a user and of the cross-signing keys, in order; of more than the limit the newest. */
  async newestChanges(userId: UserId, limit: number): Promise<{ deviceId: string; position: number }[]> {
    const rows = await db<Row>('device_list_changes')
      .where({ user_id: userId, observer_id: '' })
      .orderBy([
        { column: 'position', order: 'desc' },
        { column: 'device_id', order: 'desc' },
      ])
      .limit(limit)
    return rows.reverse().map((row) => ({ deviceId: row.device_id, position: Number(row.position) }))
  },

  /** Changes after the position that all users may see, in order: for other servers. */
  async listAfter(after: number, limit: number): Promise<{ userId: UserId; deviceId: string; position: number }[]> {
    const rows = await db<Row>('device_list_changes')
      .where('position', '>', after)
      .where({ observer_id: '' })
      .orderBy(['position', 'user_id', 'device_id'])
      .limit(limit)
    return rows.map((row) => ({ userId: row.user_id, deviceId: row.device_id, position: Number(row.position) }))
  },

  /**
   * Merges the changes of deleted devices of local users before a position into one change of the user.
   * Inside a transaction.
   */
  async mergeDeleted(before: number): Promise<void> {
    await db.raw(
      `insert into device_list_changes (user_id, device_id, observer_id, position)
         select user_id, '', observer_id, max(position) from device_list_changes as change where ${ofDeleted}
         group by user_id, observer_id
       on conflict (user_id, device_id, observer_id) do update set position = excluded.position
         where device_list_changes.position < excluded.position`,
      [before],
    )
    await db.raw(`delete from device_list_changes as change where ${ofDeleted}`, [before])
  },
})

const ofDeleted = `change.position < ? and change.device_id <> ''
  and exists (select 1 from accounts where accounts.user_id = change.user_id)
  and not exists (select 1 from devices
    where devices.user_id = change.user_id and devices.device_id = change.device_id)`
