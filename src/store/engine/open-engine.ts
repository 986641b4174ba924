import type { Engine } from './engine.ts'
import { openPostgres } from './postgres/engine.ts'
import { probePostgres } from './postgres/probe.ts'
import type { Probe } from './probe.ts'
import { openSqlite } from './sqlite/engine.ts'
import { probeSqlite } from './sqlite/probe.ts'

/** `url`: postgres://… or sqlite:PATH. */
export async function openEngine(url: string, poolSize: number): Promise<Engine> {
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length))
  if (/^postgres(ql)?:/.test(url)) return openPostgres(url, poolSize)
  throw new Error('A database url starts with sqlite: or postgres:')
}

/** The same for a look that changes nothing; undefined where there is no file yet. */
export async function openProbe(url: string): Promise<Probe | undefined> {
  return url.startsWith('sqlite:') ? probeSqlite(url.slice('sqlite:'.length)) : probePostgres(url)
}
