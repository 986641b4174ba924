import type { Knex } from 'knex'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Engine } from './engine.ts'

/** So many rows keep the main thread, where SQLite reads, for some milliseconds. */
const pageSize = 4000

/**
 * All rows of a query that may be long. SQLite reads them in pages, each in a turn of its own, along the columns of an
 * index: names of what the query selects by what they stand for, the last being the row itself. They are of one moment
 * only if the caller sees to it. Waiting for PostgreSQL holds up nobody.
 */
export async function inPages<Row extends Record<string, unknown>>(
  kind: Engine['kind'],
  along: Readonly<Record<string, string>>,
  query: () => Knex.QueryBuilder,
): Promise<Row[]> {
  if (kind === 'postgres') return (await query()) as Row[]
  const names = Object.keys(along)
  const columns = Object.values(along)
  const marks = names.map(() => '?').join()
  const rows: Row[] = []
  for (;;) {
    const last = rows.at(-1)
    const page = query()
      .select(along)
      .orderBy(columns.map((column) => ({ column })))
      .limit(pageSize)
    if (last)
      void page.whereRaw(`(${columns.join()}) > (${marks})`, names.map((name) => last[name]) as Knex.RawBinding[])
    const found = (await page) as Row[]
    for (const row of found) rows.push(row)
    if (found.length < pageSize) return rows
    await nextTurn()
  }
}
