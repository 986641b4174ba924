import type { Knex } from 'knex'
import type { Bulk } from './bulk.ts'
import type { Claim } from './claim.ts'

export type Row = Record<string, unknown>

/** One transaction on one connection, for the event writer: no query builder, few round trips. */
export type Batch = {
  /** Runs one statement; placeholders are `?`. */
  query(sql: string, bindings?: readonly unknown[]): Promise<Row[]>
  /** Writes many rows of several tables, in order. */
  write(operations: readonly Bulk[]): Promise<void>
}

/** A database: a query builder for the store modules, batches for the event writer. */
export type Engine = {
  kind: 'sqlite' | 'postgres'
  knex: Knex
  batch<T>(work: (batch: Batch) => Promise<T>): Promise<T>
  /** Makes this process the only one that serves from the database; throws when another one does. */
  claim(): Promise<Claim>
  /** Rejects when the engine cannot write. */
  ping(): Promise<void>
  /** Resolves with the reason when no write can ever succeed again. */
  broken: Promise<Error>
  close(): Promise<void>
}
