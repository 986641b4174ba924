import type { Row } from '../engine.ts'

/** A statement and the bindings of each of its runs. */
export type Statement = { sql: string; rows: readonly (readonly unknown[])[] }
export type Result = { rows: Row[]; changes: number; lastId: number }

/** What the main thread asks of the writer thread. */
export type Request = {
  id: number
  statements: readonly Statement[]
  /** Roll the open transaction back when a statement fails. */
  rollback: boolean
  close?: boolean
}
export type Answer =
  { id: number; results: Result[] } | { id: number; error: { message: string; code?: number | undefined } }
