import type { Knex } from 'knex'
import type { Engine } from './engine.ts'
import type { ColumnType } from './bulk.ts'

/**
 * Parameters of many lookups as a table `a`, so that one query serves them all and its text is the same for any number
 * of rows: the columns, and `ask`, the number of the row from 0.
 */
export function askedRows(
  kind: Engine['kind'],
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly (readonly (string | number)[])[],
): { sql: string; bindings: Knex.RawBinding[] } {
  const names = Object.keys(columns)
  if (kind === 'sqlite') {
    const values = names.map((name, index) => `value ->> ${index} as ${name}`)
    return {
      sql: `(select key as ask, ${values.join(', ')} from json_each(?)) a`,
      bindings: [JSON.stringify(rows)],
    }
  }
  const arrays = names.map((name) => `?::${columns[name]}[]`).join(', ')
  return {
    sql: `(select ask - 1 as ask, ${names.join(', ')} from unnest(${arrays}) with ordinality as u(${names.join(', ')}, ask)) a`,
    bindings: names.map((_, index) => rows.map((row) => row[index]) as string[]),
  }
}

/** Result rows grouped by the lookup they belong to, in order. */
export function byAsk<Row extends { ask: number }, Item>(
  asks: number,
  rows: readonly Row[],
  toItem: (row: Row) => Item,
): Item[][] {
  const answers = Array.from({ length: asks }, (): Item[] => [])
  for (const row of rows) answers[Number(row.ask)]?.push(toItem(row))
  return answers
}
