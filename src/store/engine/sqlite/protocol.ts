import type { Row } from '#store/engine/engine.ts'

/** A statement and the bindings of each of its runs. */
export type Statement = { sql: string; rows: readonly (readonly unknown[])[] }
export type Result = { rows: Row[]; changes: number; lastId: number }

/** A statement as it is sent to the writer thread: one flat list of bindings is far cheaper to clone. */
export type FlatStatement = { sql: string; runs: number; width: number; bindings: readonly unknown[] }

/** A request of the main thread to the writer thread. */
export type Request = {
  id: number
  statements: readonly FlatStatement[]
  /** The batch it belongs to: a failure rolls the batch back, and later requests of the batch are refused. */
  batch?: number | undefined
}
export type Answer =
  { id: number; results: Result[] } | { id: number; error: { message: string; code?: number | undefined } }
