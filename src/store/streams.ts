import type { Db } from './engine/db.ts'

/** The ordered streams that /sync follows; the event writer alone advances `events`, `outliers` and `rooms`. */
export type StreamName =
  'events' | 'account_data' | 'receipts' | 'to_device' | 'device_lists' | 'presence' | 'outgoing_edus'

export const streams = (db: Db) => ({
  /**
   * Takes `count` positions and answers the last. Inside a transaction the counter row stays locked until the commit,
   * so positions become visible in commit order: a reader of "everything up to n" misses nothing.
   */
  async next(name: StreamName, count = 1): Promise<number> {
    const [row] = await db('streams')
      .where({ name })
      .increment('position', count)
      .returning<{ position: number }[]>('position')
    if (!row) throw new Error(`There is no stream ${name}`)
    return Number(row.position)
  },

  /** The newest position of every stream. */
  async positions(): Promise<Record<StreamName, number>> {
    const rows = await db<{ name: StreamName; position: number }>('streams')
    return Object.fromEntries(rows.map((row) => [row.name, Number(row.position)])) as Record<StreamName, number>
  },
})
