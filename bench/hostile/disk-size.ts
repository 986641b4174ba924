import { statSync } from 'node:fs'
import pg from 'pg'

/** Megabytes of a database with its journal: sqlite:PATH or postgres://…. */
export async function diskMb(database: string | undefined): Promise<number> {
  if (database === undefined) return 0
  return database.startsWith('sqlite:') ? sqliteMb(database.slice('sqlite:'.length)) : postgresMb(database)
}

function sqliteMb(path: string): number {
  const bytes = ['', '-wal'].map((end) => statSync(path + end, { throwIfNoEntry: false })?.size ?? 0)
  return bytes.reduce((sum, size) => sum + size, 0) / 1e6
}

async function postgresMb(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes')
  await client.end()
  return Number(rows[0]?.bytes) / 1e6
}
