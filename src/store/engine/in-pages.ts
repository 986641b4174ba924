import type { Knex } from 'knex'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Engine } from './engine.ts'

/** Reading this many rows takes some milliseconds of the main thread, where SQLite reads. */
const pageSize = 4000

/**
 * All rows of a query with a possibly large result. SQLite reads them in pages, each in a turn of the event loop of its
 * own, along the columns of an index: selected name to column, the last being the row itself. The pages are consistent
 * only if the caller provides for it. PostgreSQL needs no pages: waiting for it does not block the event loop.
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
