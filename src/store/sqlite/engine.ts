import knex from 'knex'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Batch, Engine } from '../engine.ts'
import { sqliteStatement } from '../bulk.ts'
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
    pool: { min: 0, max: 200 },
  })
  return {
    kind: 'sqlite',
    knex: db,
    batch: (work) => runBatch(writer, work),
    async close() {
      await db.destroy()
      reader.close()
      await writer.close()
    },
  }
}

/** Writes and the commit are sent without waiting for what comes before: a batch is two or three messages. */
/** Messages and password hashes are for nobody else on the machine; SQLite gives its other files the same mode. */
function makeForOwner(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
}

async function runBatch<T>(writer: SqliteWriter, work: (batch: Batch) => Promise<T>): Promise<T> {
  const unlock = await writer.lock()
  const batch = writer.newBatch()
  const sent: Promise<Result[]>[] = []
  const run = (statements: readonly Statement[]): Promise<Result[]> => {
    const results = writer.run(statements, batch)
    results.catch(() => {}) // told once, by the first of `sent` that failed
    sent.push(results)
    return results
  }
  try {
    void run([{ sql: 'begin immediate', rows: [[]] }])
    const answer = await work({
      query: async (sql, bindings = []) => (await run([{ sql, rows: [bindings] }]))[0]?.rows ?? [],
      write: async (operations) => void run(operations.map(sqliteStatement)),
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
