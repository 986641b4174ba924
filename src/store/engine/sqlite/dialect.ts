import type { DatabaseSync } from 'node:sqlite'
import type { Knex } from 'knex'
// Knex has no dialect for node:sqlite: this internal path is why its version is pinned.
import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js'
import { statementCache } from './database.ts'
import { rowReader } from './row-reader.ts'
import type { SqliteWriter } from './writer.ts'

/** What Knex takes for a connection: it holds the write lock while a transaction is open. */
type Connection = { unlock: (() => void) | undefined }
type Query = { sql: string; bindings?: unknown[]; method?: string; response?: unknown; context?: unknown }

const begins = /^\s*begin\b/i
const ends = /^\s*(commit|rollback)\b(?!\s+to\b)/i
const reads = /^\s*(select|with|explain|pragma)\b/i

/** A Knex client whose reads run here, on a read connection, and whose writes run in the writer thread. */
export function sqliteDialect(reader: DatabaseSync, writer: SqliteWriter): typeof Knex.Client {
  const prepare = statementCache(reader)
  const read = rowReader()

  class NodeSqlite extends BetterSqlite {
    _driver(): object {
      return {}
    }

    async acquireRawConnection(): Promise<Connection> {
      return { unlock: undefined }
    }

    async destroyRawConnection(connection: Connection): Promise<void> {
      connection.unlock?.()
    }

    async _query(connection: Connection, query: Query): Promise<Query> {
      const bindings = this._formatBindings(query.bindings)
      if (!connection.unlock && reads.test(query.sql)) {
        query.response = read(prepare(query.sql), bindings)
        return query
      }
      await this.write(connection, query, bindings)
      return query
    }

    private async write(connection: Connection, query: Query, bindings: unknown[]): Promise<void> {
      const opens = begins.test(query.sql)
      const alone = !connection.unlock
      connection.unlock ??= await writer.lock()
      let keep = opens || (!alone && !ends.test(query.sql))
      try {
        const [result] = await writer.run([{ sql: opens ? 'begin immediate' : query.sql, rows: [bindings] }])
        query.response = result?.rows
        query.context = { lastID: result?.lastId, changes: result?.changes }
      } catch (error) {
        if (opens) keep = false
        throw error
      } finally {
        if (!keep) {
          connection.unlock()
          connection.unlock = undefined
        }
      }
    }
  }
  return NodeSqlite as unknown as typeof Knex.Client
}
