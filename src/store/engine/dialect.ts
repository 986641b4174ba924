import type { Knex } from 'knex'
import type { Db } from './db.ts'
import type { Engine, Row } from './engine.ts'

type Kind = Engine['kind']
type Condition = [sql: string, bindings: Knex.RawBinding[]]

/** What a raw query answered. */
export const rowsOf = <T>(raw: unknown): T[] => (Array.isArray(raw) ? raw : (raw as { rows: T[] }).rows) as T[]

/** The end of a query that locks what it selects, in one order, so that two never wait for each other. SQLite has one writer. */
export const lockInOrder = (kind: Kind, column: string): string =>
  kind === 'postgres' ? ` order by ${column} for update` : ''

/** Locks the rows that a query finds until the end of the transaction, in the order of a column. */
export async function lockEach(kind: Kind, query: Knex.QueryBuilder, column: string): Promise<void> {
  if (kind === 'postgres') await query.orderBy(column).forUpdate().select(column)
}

/** Lets a query of the builder lock what it selects, and wait for what others have locked. */
export const lockRows = (kind: Kind, query: Knex.QueryBuilder): void => {
  if (kind === 'postgres') void query.forUpdate()
}

/** Lets a query of the builder lock what it selects and pass over what others have locked. */
export const lockFreeRows = (kind: Kind, query: Knex.QueryBuilder): void => {
  if (kind === 'postgres') void query.forUpdate().skipLocked()
}

/** Orders text by its bytes, whatever the database's own order is. */
export const byBytes = (kind: Kind): string => (kind === 'postgres' ? 'collate "C"' : 'collate binary')

/** The function that finds a text in another, from 1; 0 where it is not there. */
export const textPosition = (kind: Kind): string => (kind === 'postgres' ? 'strpos' : 'instr')

/** How many rows one read may answer: SQLite reads on the main thread, which so many keep for some milliseconds; PostgreSQL sorts anew for each page. */
export const rowsAtOnce = (kind: Kind): number => (kind === 'postgres' ? 40_000 : 4000)

/** That a column is within one of these ranges, both ends included; the text is the same for any number beyond one. */
export function inRanges(kind: Kind, column: string, ranges: readonly { from: number; to: number }[]): Condition {
  const [first] = ranges
  if (!first) return ['1 = 0', []]
  if (ranges.length === 1) return [`${column} between ? and ?`, [first.from, first.to]]
  const pairs = ranges.map(({ from, to }) => [from, to])
  if (kind === 'sqlite')
    return [
      `exists (select 1 from json_each(?) x
        where ${column} between json_extract(x.value, '$[0]') and json_extract(x.value, '$[1]'))`,
      [JSON.stringify(pairs)],
    ]
  return [
    `exists (select 1 from unnest(?::bigint[], ?::bigint[]) as x(first, last) where ${column} between x.first and x.last)`,
    [pairs.map(([from]) => from), pairs.map(([, to]) => to)] as unknown as Knex.RawBinding[],
  ]
}

/**
 * Joins rows that depend on the row before, for each one walk of an index; a window function would read all rows.
 * `select` makes the subquery of the rows from the columns it is to select.
 */
export const joinEach = (
  kind: Kind,
  { table, as, key, select }: { table: string; as: string; key: string; select: (columns: string) => string },
): string =>
  kind === 'postgres'
    ? `join lateral (${select('*')}) ${as} on true`
    : `join ${table} ${as} on ${as}.${key} in (${select(key)})`

/** Deletes at most so many rows that a condition is true of, whatever their key; answers how many. */
export async function deleteSome(
  { db, kind, table }: { db: Db; kind: Kind; table: string },
  where: string,
  { values, limit }: { values: readonly unknown[]; limit: number },
): Promise<number> {
  const some = (place: string) => `select ${place} from ${table} where ${where} limit ?`
  // PostgreSQL takes a list of rows by their place only as an array.
  const condition = kind === 'sqlite' ? `rowid in (${some('rowid')})` : `ctid = any(array(${some('ctid')}))`
  const raw: unknown = await db.raw(`delete from ${table} where ${condition} returning 1`, [...values, limit] as never)
  return rowsOf<Row>(raw).length
}

/** Frees empty pages of a SQLite file, some at a time; answers whether there are more. PostgreSQL needs no such step. */
export async function giveSpaceBack(db: Db, kind: Kind, pages: number): Promise<boolean> {
  if (kind !== 'sqlite') return false
  const before = await emptyPages(db)
  if (before === 0) return false
  await db.raw(`pragma incremental_vacuum(${pages})`)
  const after = await emptyPages(db)
  return after > 0 && after < before
}

async function emptyPages(db: Db): Promise<number> {
  const [row] = rowsOf<{ freelist_count: number }>(await db.raw('pragma freelist_count'))
  return Number(row?.freelist_count ?? 0)
}
