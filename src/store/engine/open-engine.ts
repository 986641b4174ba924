import type { Engine } from './engine.ts'
import { openPostgres } from './postgres/engine.ts'
import { openSqlite } from './sqlite/engine.ts'

/** `url`: postgres://… or sqlite:PATH. */
export async function openEngine(url: string, poolSize: number): Promise<Engine> {
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length))
  if (/^postgres(ql)?:/.test(url)) return openPostgres(url, poolSize)
  throw new Error('A database url starts with sqlite: or postgres:')
}
