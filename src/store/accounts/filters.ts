import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

type Row = { user_id: UserId; filter_id: string; filter: string; bytes: number }

/** Filters as JSON text. */
export const filters = (db: Db) => ({
  async find(userId: UserId, filterId: string): Promise<string | undefined> {
    const row = await db<Row>('filters').where({ user_id: userId, filter_id: filterId }).first('filter')
    return row?.filter
  },

  /** How many filters a user has, and how many bytes they are together. */
  async usage(userId: UserId): Promise<{ filters: number; bytes: number }> {
    const row = (await db('filters').where({ user_id: userId }).count('* as filters').sum('bytes as bytes').first()) as
      { filters: number | string; bytes: number | string | null } | undefined
    return { filters: Number(row?.filters ?? 0), bytes: Number(row?.bytes ?? 0) }
  },

  /** Keeps a filter that exists already. */
  async insert(userId: UserId, filterId: string, filter: string): Promise<void> {
    await db<Row>('filters')
      .insert({ user_id: userId, filter_id: filterId, filter, bytes: Buffer.byteLength(filter) })
      .onConflict(['user_id', 'filter_id'])
      .ignore()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('filters').where({ user_id: userId }).delete()
  },
})
