import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

export type TableSize = { rows: number; bytes: number }

/** How much each table of a database holds: its rows, and the bytes of what stands in them. */
export async function tableSizes(url: string): Promise<Map<string, TableSize>> {
  return url.startsWith('sqlite:') ? sqliteSizes(url.slice('sqlite:'.length)) : postgresSizes(url)
}

function sqliteSizes(path: string): Map<string, TableSize> {
  const database = new DatabaseSync(path, { readOnly: true })
  const all = (sql: string) => database.prepare(sql).all()
  const sizes = new Map<string, TableSize>()
  for (const { name } of all(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`)) {
    const columns = all(`select name from pragma_table_info('${String(name)}')`)
    const lengths = columns.map((column) => `coalesce(length(cast("${String(column.name)}" as blob)), 0)`)
    const [size] = all(
      `select count(*) as row_count, coalesce(sum(${lengths.join('+')}), 0) as bytes from "${String(name)}"`,
    )
    sizes.set(String(name), { rows: Number(size?.row_count), bytes: Number(size?.bytes) })
  }
  database.close()
  return sizes
}

async function postgresSizes(url: string): Promise<Map<string, TableSize>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const sizes = new Map<string, TableSize>()
  const tables = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public'`,
  )
  for (const { name } of tables.rows) {
    const size = await client.query<{ row_count: string; bytes: string }>(
      `select count(*) as row_count, coalesce(sum(pg_column_size(t.*)), 0) as bytes from "${name}" t`,
    )
    sizes.set(name, { rows: Number(size.rows[0]?.row_count), bytes: Number(size.rows[0]?.bytes) })
  }
  await client.end()
  return sizes
}
