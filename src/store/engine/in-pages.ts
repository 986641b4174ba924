import type { Knex } from 'knex'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { rowsAtOnce } from './dialect.ts'
import type { Engine } from './engine.ts'

/** Columns of an index of a table (or of its alias), which the query also selects. */
export type IndexWalk = { table: string; columns: readonly string[] }

/**
 * All rows of a query that may be long. SQLite reads them in pages, each in a turn of its own, along the columns of an
 * index. They are of one moment only if the caller sees to it. Waiting for PostgreSQL does not block the event loop.
 */
export async function inPages<Row extends Record<string, unknown>>(
  kind: Engine['kind'],
  { table, columns }: IndexWalk,
  query: () => Knex.QueryBuilder,
): Promise<Row[]> {
  if (kind === 'postgres') return (await query()) as Row[]
  const pageSize = rowsAtOnce(kind)
  const names = [...columns, 'walked_row']
  const walked = [...columns, 'rowid'].map((name) => `${table}.${name}`)
  const marks = names.map(() => '?').join()
  const rows: Row[] = []
  for (;;) {
    const last = rows.at(-1)
    const page = query()
      .select({ walked_row: `${table}.rowid` })
      .orderBy(walked.map((column) => ({ column })))
      .limit(pageSize)
    if (last)
      void page.whereRaw(`(${walked.join()}) > (${marks})`, names.map((name) => last[name]) as Knex.RawBinding[])
    const found = (await page) as Row[]
    for (const row of found) rows.push(row)
    if (found.length < pageSize) return rows
    await nextTurn()
  }
}
