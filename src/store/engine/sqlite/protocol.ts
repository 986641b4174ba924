import type { Row } from '#store/engine/engine.ts'

/** A statement and the bindings of each of its runs. */
export type Statement = { sql: string; rows: readonly (readonly unknown[])[] }
export type Result = { rows: Row[]; changes: number; lastId: number }

/** A statement on its way: the bindings of all runs in one flat list, which is far cheaper to hand over. */
export type FlatStatement = { sql: string; runs: number; width: number; bindings: readonly unknown[] }

/** What the main thread asks of the writer thread. */
export type Request = {
  id: number
  statements: readonly FlatStatement[]
  /** The batch it belongs to: a failure rolls the batch back, and what follows of it is refused. */
  batch?: number | undefined
}
export type Answer =
  { id: number; results: Result[] } | { id: number; error: { message: string; code?: number | undefined } }
