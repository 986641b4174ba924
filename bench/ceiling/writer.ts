import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const database = new DatabaseSync((workerData as { path: string }).path)
database.exec('pragma journal_mode = wal; pragma synchronous = full')
database.exec('create table events (position integer primary key, event_id text unique, json text)')
const insert = database.prepare('insert into events (event_id, json) values (?, ?)')

parentPort?.on('message', (rows: [string, string][]) => {
  database.exec('begin immediate')
  for (const row of rows) insert.run(...row)
  database.exec('commit')
  parentPort?.postMessage(rows.length)
})
