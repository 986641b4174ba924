import type { Knex } from 'knex'
import type { Bulk } from './bulk.ts'

export type Row = Record<string, unknown>

/** One transaction on one connection, for the event writer: no query builder, few round trips. */
export type Batch = {
  /** Runs one statement; placeholders are `?`. */
  query(sql: string, bindings?: readonly unknown[]): Promise<Row[]>
  /** Writes many rows of several tables, in order. */
  write(operations: readonly Bulk[]): Promise<void>
}

/** A database: the query builder for everybody, batches for the event writer. */
export type Engine = {
  kind: 'sqlite' | 'postgres'
  knex: Knex
  batch<T>(work: (batch: Batch) => Promise<T>): Promise<T>
  close(): Promise<void>
}
