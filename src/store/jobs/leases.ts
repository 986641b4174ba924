import type { Db } from '#store/engine/db.ts'

type Row = { name: string; until: number }

/** Turns at recurring work, among all processes over this database. */
export const leases = (db: Db) => ({
  /** False while a lease of that name lasts, whoever took it; times in ms. */
  async take(name: string, { now, until }: { now: number; until: number }): Promise<boolean> {
    const renewed = await db<Row>('leases').where({ name }).where('until', '<=', now).update({ until })
    if (renewed === 1) return true
    const made = await db<Row>('leases').insert({ name, until }).onConflict('name').ignore().returning('name')
    return made.length === 1
  },
})
