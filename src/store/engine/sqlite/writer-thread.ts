import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase, statementCache } from './database.ts'
import type { Answer, Request, Result } from './protocol.ts'

// The only writing connection, in its own thread so that neither fsync nor a checkpoint blocks the event loop.
const database: DatabaseSync = openDatabase((workerData as { path: string }).path)
const prepare = statementCache(database)
let failedBatch: number | undefined

/** Whether a statement returns rows; cached, since determining it costs as much as running it. */
const answering = new WeakMap<StatementSync, boolean>()
const answersRows = (statement: StatementSync): boolean => {
  const known = answering.get(statement)
  if (known !== undefined) return known
  // A pragma without columns still works row by row: run() would stop after its first step.
  const answers = statement.columns().length > 0 || statement.sourceSQL.startsWith('pragma')
  answering.set(statement, answers)
  return answers
}

const run = (statement: StatementSync, bindings: readonly unknown[]): Result => {
  const values = bindings as SQLInputValue[]
  if (answersRows(statement)) return { rows: statement.all(...values), changes: 0, lastId: 0 }
  const { changes, lastInsertRowid } = statement.run(...values)
  return { rows: [], changes: Number(changes), lastId: Number(lastInsertRowid) }
}

const answer = ({ id, statements, batch }: Request): Answer => {
  try {
    // Outside of its transaction a statement would commit by itself.
    if (batch !== undefined && batch === failedBatch) throw new Error('The batch has failed')
    const results: Result[] = []
    for (const { sql, runs, width, bindings } of statements) {
      const statement = prepare(sql)
      let result: Result = { rows: [], changes: 0, lastId: 0 }
      for (let n = 0; n < runs; n++) result = run(statement, bindings.slice(n * width, (n + 1) * width))
      results.push(result)
    }
    return { id, results }
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number }
    if (batch !== undefined && batch !== failedBatch) {
      failedBatch = batch
      if (database.isTransaction) database.exec('rollback')
    }
    return { id, error: { message, code: errcode } }
  }
}

parentPort?.on('message', (requests: Request[] | 'close') => {
  if (requests !== 'close') return parentPort?.postMessage(requests.map(answer))
  database.close()
  parentPort?.close()
})
