import type { Db } from '#store/engine/db.ts'

type Row = { name: string; until: number }

/**
 * Leases of recurring work, one process at a time. Times are in ms. A lease that lasts longer than the one requested was
 * taken by a clock that was ahead: it is ignored.
 */
export const leases = (db: Db) => ({
  /** Whether the lease was taken, and until when it lasts in either case. */
  async take(name: string, { now, until }: { now: number; until: number }): Promise<{ taken: boolean; until: number }> {
    const renewed = await db<Row>('leases')
      .where({ name })
      .where((row) => void row.where('until', '<=', now).orWhere('until', '>', until))
      .update({ until })
    if (renewed === 1) return { taken: true, until }
    const made = await db<Row>('leases').insert({ name, until }).onConflict('name').ignore().returning('name')
    if (made.length === 1) return { taken: true, until }
    const held = await db<Row>('leases').where({ name }).first()
    return { taken: false, until: Number(held?.until ?? until) }
  },
})
