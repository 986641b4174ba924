import type { Row } from '../engine.ts'

/** A statement and the bindings of each of its runs. */
export type Statement = { sql: string; rows: readonly (readonly unknown[])[] }
export type Result = { rows: Row[]; changes: number; lastId: number }

/** What the main thread asks of the writer thread. */
export type Request = {
  id: number
  statements: readonly Statement[]
  /** The batch it belongs to: a failure rolls the batch back, and what follows of it is refused. */
  batch?: number | undefined
}
export type Answer =
  { id: number; results: Result[] } | { id: number; error: { message: string; code?: number | undefined } }
