import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { UserId } from '#protocol/ids.ts'

/** A device kept by the server until the user's next login; `data` is JSON text that only the user can read. */
export type DehydratedDevice = Readonly<{ userId: UserId; deviceId: string; data: string }>

type Row = { user_id: UserId; device_id: string; device_data: string }

export const dehydratedDevices = (db: Db, kind: Engine['kind']) => ({
  async find(userId: UserId): Promise<DehydratedDevice | undefined> {
    const row = await db<Row>('dehydrated_devices').where({ user_id: userId }).first()
    return row && { userId: row.user_id, deviceId: row.device_id, data: row.device_data }
  },

  /** Replaces the user's previous one: a user has one at most. */
  async save({ userId, deviceId, data }: DehydratedDevice): Promise<void> {
    await db<Row>('dehydrated_devices')
      .insert({ user_id: userId, device_id: deviceId, device_data: data })
      .onConflict('user_id')
      .merge()
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return
    await db<Row>('dehydrated_devices')
      .where({ user_id: userId })
      .whereRaw(...inList(kind, 'device_id', deviceIds))
      .delete()
  },
})
