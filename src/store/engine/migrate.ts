import { readdir } from 'node:fs/promises'
import type { Db } from './db.ts'
import type { Engine } from './engine.ts'

const folder = new URL('../../../migrations/', import.meta.url)
const lockKey = 7_204_311

type Migration = { up(db: Db): Promise<void> }

/** All migrations of this version, in their order. */
export const migrationFiles = async (): Promise<string[]> =>
  (await readdir(folder)).filter((file) => /^\d{4}-.*\.ts$/.test(file)).sort()

/** Brings the database to the newest migration; several processes may start at once, one of them migrates. */
export async function migrate({ kind, knex }: Engine): Promise<void> {
  const files = await migrationFiles()
  await knex.transaction(async (tx) => {
    if (kind === 'postgres') await tx.raw('select pg_advisory_xact_lock(?)', [lockKey])
    await tx.raw('create table if not exists migrations (name text primary key)')
    const done = new Set(await tx<{ name: string }>('migrations').pluck('name'))
    refuseNewer([...done], files)
    for (const file of files.filter((name) => !done.has(name))) {
      const migration = (await import(new URL(file, folder).href)) as Migration
      await migration.up(tx)
      await tx('migrations').insert({ name: file })
    }
  })
}

/** Refuses a database that a newer version has migrated. */
function refuseNewer(done: string[], files: string[]): void {
  const unknown = done.find((name) => !files.includes(name))
  if (unknown) throw new Error(`The database was changed by a newer version (${unknown}); run that version`)
}
