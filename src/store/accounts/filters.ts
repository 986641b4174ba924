import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

type Row = { user_id: UserId; filter_id: string; filter: string }

/** Filters as JSON text. */
export const filters = (db: Db) => ({
  async find(userId: UserId, filterId: string): Promise<string | undefined> {
    const row = await db<Row>('filters').where({ user_id: userId, filter_id: filterId }).first('filter')
    return row?.filter
  },

  async count(userId: UserId): Promise<number> {
    const row = (await db('filters').where({ user_id: userId }).count('* as count').first()) as
      { count: number | string } | undefined
    return Number(row?.count ?? 0)
  },

  /** A filter that is there already stays. */
  async insert(userId: UserId, filterId: string, filter: string): Promise<void> {
    await db<Row>('filters')
      .insert({ user_id: userId, filter_id: filterId, filter })
      .onConflict(['user_id', 'filter_id'])
      .ignore()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('filters').where({ user_id: userId }).delete()
  },
})
