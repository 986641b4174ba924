import { existsSync, statSync } from 'node:fs'
import type { Row } from '#store/engine/engine.ts'
import type { Probe } from '#store/engine/probe.ts'
import { openDatabase } from './database.ts'

/** Undefined where there is no file yet. */
export function probeSqlite(path: string): Probe | undefined {
  if (!existsSync(path)) return undefined
  const database = openDatabase(path, { readOnly: true })
  const { version } = database.prepare('select sqlite_version() as version').get() as { version: string }
  const isReadable = (statSync(path).mode & 0o077) !== 0
  return {
    version: `SQLite ${version}`,
    now: undefined,
    writtenAt: statSync(path).mtimeMs,
    problems: isReadable ? [`others on this machine may read ${path}: chmod 600`] : [],
    warnings: [],
    query: async (sql) => database.prepare(sql).all() as Row[],
    close: async () => database.close(),
  }
}
