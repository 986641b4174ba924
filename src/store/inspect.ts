import { migrationFiles } from './engine/migrate.ts'
import { openProbe } from './engine/open-engine.ts'
import type { Probe } from './engine/probe.ts'

/** A database as it is found, without a change to it. */
export type Inspection = Readonly<{
  /** Of the engine, for people. */
  version: string
  migrations: { done: string[]; pending: string[]; unknown: string[] }
  /** Whose data it is, as far as it says so. */
  serverName: string | undefined
  /** The time at the database, where that may be another machine. */
  now: number | undefined
  /** When its file was written last. */
  writtenAt: number | undefined
  problems: readonly string[]
  warnings: readonly string[]
}>

/** Undefined where there is no database yet. */
export async function inspectDatabase(url: string): Promise<Inspection | undefined> {
  const probe = await openProbe(url)
  if (!probe) return undefined
  try {
    const files = await migrationFiles()
    const done = await names(probe, 'select name from migrations order by name')
    const [serverName] = await names(probe, 'select server_name as name from deployment')
    const { version, now, writtenAt, problems, warnings } = probe
    const pending = files.filter((file) => !done.includes(file))
    const unknown = done.filter((name) => !files.includes(name))
    return { version, migrations: { done, pending, unknown }, serverName, now, writtenAt, problems, warnings }
  } finally {
    await probe.close()
  }
}

/** None where the table does not exist yet. */
async function names(probe: Probe, sql: string): Promise<string[]> {
  const rows = await probe.query(sql).catch(() => [])
  return rows.map(({ name }) => String(name))
}
