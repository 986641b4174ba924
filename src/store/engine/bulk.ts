/** Column types of bulk writes; PostgreSQL needs them for its arrays. */
export type ColumnType = 'bigint' | 'text' | 'smallint' | 'boolean'

/**
 * Many rows of one table, written by one kind of statement.
 * `insert` fails on a taken key, `ignore` keeps the old row, `replace` overwrites every column but the key,
 * `update` changes the rows whose key columns match and adds none.
 */
export type Bulk = {
  kind: 'insert' | 'ignore' | 'replace' | 'update'
  table: string
  columns: Readonly<Record<string, ColumnType>>
  /** Key columns: the conflict target, or the condition of an update (null never matches). */
  key: readonly string[]
  /** A column that must be null as well where an update is to change a row. */
  onlyNull?: string
  /** SQL expressions for columns that `replace` sets to something else than the new value. */
  merged?: Readonly<Record<string, string>>
  rows: readonly (readonly unknown[])[]
}

const conflict = ({ kind, key, columns, merged = {} }: Bulk): string => {
  if (kind === 'insert') return ''
  if (kind === 'ignore') return ` on conflict (${key.join(', ')}) do nothing`
  const set = Object.keys(columns).filter((name) => !key.includes(name))
  const values = set.map((name) => `${name} = ${merged[name] ?? `excluded.${name}`}`)
  return ` on conflict (${key.join(', ')}) do update set ${values.join(', ')}`
}

const stillNull = ({ onlyNull }: Bulk, table = ''): string[] => (onlyNull ? [`${table}${onlyNull} is null`] : [])

/** The statement that SQLite runs once for each row. */
export function sqliteStatement(bulk: Bulk): { sql: string; rows: readonly (readonly unknown[])[] } {
  const names = Object.keys(bulk.columns)
  if (bulk.kind !== 'update') {
    const marks = names.map(() => '?').join(', ')
    return {
      sql: `insert into ${bulk.table} (${names.join(', ')}) values (${marks})${conflict(bulk)}`,
      rows: bulk.rows,
    }
  }
  const set = names.filter((name) => !bulk.key.includes(name))
  const order = [...set, ...bulk.key].map((name) => names.indexOf(name))
  const where = [...bulk.key.map((name) => `${name} = ?`), ...stillNull(bulk)].join(' and ')
  return {
    sql: `update ${bulk.table} set ${set.map((name) => `${name} = ?`).join(', ')} where ${where}`,
    rows: bulk.rows.map((row) => order.map((index) => row[index])),
  }
}

/** The one statement over arrays that PostgreSQL runs for all rows. */
export function postgresStatement(bulk: Bulk): { sql: string; bindings: unknown[][] } {
  const names = Object.keys(bulk.columns)
  const arrays = names.map((name, index) => `$${index + 1}::${bulk.columns[name]}[]`).join(', ')
  const bindings = names.map((_, index) => bulk.rows.map((row) => row[index]))
  if (bulk.kind !== 'update')
    return {
      sql: `insert into ${bulk.table} (${names.join(', ')}) select * from unnest(${arrays})${conflict(bulk)}`,
      bindings,
    }
  const set = names.filter((name) => !bulk.key.includes(name)).map((name) => `${name} = r.${name}`)
  const where = [...bulk.key.map((name) => `t.${name} = r.${name}`), ...stillNull(bulk, 't.')].join(' and ')
  return {
    sql: `update ${bulk.table} t set ${set.join(', ')} from unnest(${arrays}) as r(${names.join(', ')}) where ${where}`,
    bindings,
  }
}
