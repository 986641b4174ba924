import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { UserId } from '#protocol/ids.ts'

/** Where notifications of a user go: one app on one device. */
export type StoredPusher = Readonly<{
  userId: UserId
  appId: string
  pushkey: string
  /** The device that set it; it is deleted with that device. */
  deviceId: string | undefined
  /** JSON text: the pusher as its user sees it. */
  pusher: string
  /** Milliseconds since the epoch. */
  createdAt: number
}>

type Row = {
  user_id: UserId
  app_id: string
  pushkey: string
  device_id: string | null
  pusher: string
  created_at: number
}

export const pushers = (db: Db, kind: Engine['kind']) => ({
  async list(userId: UserId): Promise<StoredPusher[]> {
    const rows = await db<Row>('pushers').where({ user_id: userId }).orderBy(['created_at', 'app_id', 'pushkey'])
    return rows.map(fromRow)
  },

  /** Stores a pusher, replacing the user's one of the same app and key. */
  async save({ userId, appId, pushkey, deviceId, pusher, createdAt }: StoredPusher): Promise<void> {
    const row: Row = {
      user_id: userId,
      app_id: appId,
      pushkey,
      device_id: deviceId ?? null,
      pusher,
      created_at: createdAt,
    }
    await db<Row>('pushers').insert(row).onConflict(['user_id', 'app_id', 'pushkey']).merge()
  },

  async delete(userId: UserId, appId: string, pushkey: string): Promise<void> {
    await db<Row>('pushers').where({ user_id: userId, app_id: appId, pushkey }).delete()
  },

  /** Deletes those of other users with an app and key: the device belongs to another user now. */
  async deleteOfOthers(userId: UserId, appId: string, pushkey: string): Promise<void> {
    await db<Row>('pushers').where({ app_id: appId, pushkey }).whereNot({ user_id: userId }).delete()
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return
    await db<Row>('pushers')
      .where({ user_id: userId })
      .whereRaw(...inList(kind, 'device_id', deviceIds))
      .delete()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('pushers').where({ user_id: userId }).delete()
  },
})

const fromRow = (row: Row): StoredPusher => ({
  userId: row.user_id,
  appId: row.app_id,
  pushkey: row.pushkey,
  deviceId: row.device_id ?? undefined,
  pusher: row.pusher,
  createdAt: Number(row.created_at),
})
