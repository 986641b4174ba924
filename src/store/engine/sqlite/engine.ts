import knex from 'knex'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Batch, Engine } from '#store/engine/engine.ts'
import { sqliteStatement } from '#store/engine/bulk.ts'
import { claimFile } from './claim.ts'
import { openDatabase } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import type { Result, Statement } from './protocol.ts'
import { SqliteWriter } from './writer.ts'

/** The embedded store: reads on this thread, writes in a thread of their own. */
export async function openSqlite(path: string): Promise<Engine> {
  makeForOwner(path)
  const writer = new SqliteWriter(path)
  await writer.run([{ sql: 'pragma user_version', rows: [[]] }])
  const reader = openDatabase(path, { readOnly: true })
  const db = knex({
    client: sqliteDialect(reader, writer),
    connection: { filename: path },
    useNullAsDefault: true,
    // Errors are logged, so their messages must not quote values.
    compileSqlOnError: false,
    pool: { min: 0, max: 200 },
  })
  return {
    kind: 'sqlite',
    knex: db,
    batch: (work) => runBatch(writer, work),
    claim: async () => claimFile(path),
    ping: async () => void (await db.transaction((tx) => tx.raw('select 1'))),
    broken: writer.broken,
    async close() {
      await db.destroy()
      reader.close()
      await writer.close()
    },
  }
}

/** Other users of the machine must not read what is stored; SQLite gives its other files the same mode. */
function makeForOwner(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
}

/** Cloning this many rows for the writer thread takes a few milliseconds. */
const maxRows = 2000

/** The statements in the same order, in slices that do not block the event loop; nearly always one. */
function statementSlices(statements: readonly Statement[]): Statement[][] {
  const slices: Statement[][] = [[]]
  let room = maxRows
  for (const { sql, rows } of statements)
    for (let start = 0, taken = 0; start < rows.length; start += taken) {
      if (room === 0) {
        slices.push([])
        room = maxRows
      }
      taken = Math.min(room, rows.length - start)
      slices.at(-1)?.push({ sql, rows: taken === rows.length ? rows : rows.slice(start, start + taken) })
      room -= taken
    }
  return slices
}

/**
 * Only queries are awaited, and writes are sent with what comes after them, so that a batch takes two messages: its
 * queries, and all of its writes with the commit. Each message wakes a thread.
 */
async function runBatch<T>(writer: SqliteWriter, work: (batch: Batch) => Promise<T>): Promise<T> {
  const unlock = await writer.lock()
  const batch = writer.newBatch()
  const sent: Promise<Result[]>[] = []
  let held: Statement[] = [{ sql: 'begin immediate', rows: [[]] }]
  const run = (statements: readonly Statement[]): Promise<Result[]> => {
    const results = writer.run([...held, ...statements], batch)
    held = []
    results.catch(() => {}) // reported once, by the first of `sent` that failed
    sent.push(results)
    return results
  }
  try {
    const answer = await work({
      query: async (sql, bindings = []) => (await run([{ sql, rows: [bindings] }])).at(-1)?.rows ?? [],
      async write(operations) {
        const [slice = [], ...more] = statementSlices(operations.map(sqliteStatement))
        if (more.length === 0) return void held.push(...slice)
        for (const each of [slice, ...more]) {
          await nextTurn()
          void run(each)
        }
      },
    })
    void run([{ sql: 'commit', rows: [[]] }])
    await Promise.all(sent)
    return answer
  } catch (error) {
    await writer.run([{ sql: 'rollback', rows: [[]] }]).catch(() => {}) // already rolled back when a statement failed
    throw error
  } finally {
    unlock()
  }
}
