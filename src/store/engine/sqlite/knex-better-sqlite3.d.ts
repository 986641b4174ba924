declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  /** The part of Knex's client that our dialect overrides. */
  export default class BetterSqlite {
    _formatBindings(bindings: unknown[] | undefined): unknown[]
  }
}
