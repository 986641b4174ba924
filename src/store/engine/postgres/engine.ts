import knex from 'knex'
import { setImmediate as nextTurn } from 'node:timers/promises'
import pg from 'pg'
import { postgresStatement, type Bulk } from '#store/engine/bulk.ts'
import type { Batch, Engine } from '#store/engine/engine.ts'
import { claimPostgres } from './claim.ts'

const int8 = 20
const numeric = 1700

/** Counts and positions are far below 2^53, so they come as numbers. */
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 || oid === numeric
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
}

/** Opens a pool for PostgreSQL without connecting yet. */
export function openPostgres(url: string, poolSize: number): Engine {
  const db = knex({
    client: 'pg',
    // Errors are logged, so their messages must not quote values.
    compileSqlOnError: false,
    connection: { connectionString: url, types, pipeline: true } as never,
    pool: { min: 0, max: poolSize },
  })
  return {
    kind: 'postgres',
    knex: db,
    batch: (work) => runBatch(db, work),
    claim: () => claimPostgres(url),
    ping: async () => void (await db.raw('select 1')),
    // The pool reconnects by itself when the database is reachable again.
    broken: new Promise(() => {}),
    close: () => db.destroy(),
  }
}

/**
 * Statements are sent without waiting for the answers of those before, which saves a round trip each; the connection
 * keeps their order, and after a failure all that follows fails up to the rollback.
 */
async function runBatch<T>(db: knex.Knex, work: (batch: Batch) => Promise<T>): Promise<T> {
  const connection = (await db.client.acquireConnection()) as pg.Client
  const sent: Promise<pg.QueryResult>[] = []
  const send = (text: string, values?: unknown[]): Promise<pg.QueryResult> => {
    const result = connection.query(values ? { text, values, name: nameOf(text) } : text)
    result.catch(() => {}) // reported once, by the first of `sent` that failed
    sent.push(result)
    return result
  }
  try {
    void send('begin')
    const answer = await work({
      query: async (sql, bindings = []) => (await send(numbered(sql), [...bindings])).rows,
      async write(operations) {
        for (const slice of operations.flatMap(bulkSlices)) {
          if (slice.rows.length === maxRows) await nextTurn()
          const { sql, bindings } = postgresStatement(slice)
          void send(sql, bindings)
        }
      },
    })
    const committed = send('commit')
    await Promise.all(sent)
    // A transaction that failed answers a commit with a rollback, and no error.
    if ((await committed).command !== 'COMMIT') throw new Error('The transaction was rolled back')
    return answer
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  } finally {
    await db.client.releaseConnection(connection)
  }
}

/** Serializing this many rows for the connection takes a few milliseconds; nearly no batch has more. */
const maxRows = 2000

function bulkSlices(bulk: Bulk): Bulk[] {
  if (bulk.rows.length <= maxRows) return [bulk]
  const count = Math.ceil(bulk.rows.length / maxRows)
  return Array.from({ length: count }, (_, index) => ({
    ...bulk,
    rows: bulk.rows.slice(index * maxRows, (index + 1) * maxRows),
  }))
}

/** A named statement is planned once; the texts are few and fixed, names are at most 63 bytes. */
const nameOf = (text: string): string => {
  let hash = 5381
  for (let i = 0; i < text.length; i++) hash = ((hash * 33) ^ text.charCodeAt(i)) >>> 0
  return `w${hash}_${text.length}`
}

const numbered = (sql: string): string => {
  let next = 0
  return sql.replaceAll('?', () => `$${++next}`)
}
