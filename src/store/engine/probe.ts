import type { Row } from './engine.ts'

/** A look at a database that changes nothing, not even its schema. */
export type Probe = {
  version: string
  now: number | undefined
  writtenAt: number | undefined
  problems: readonly string[]
  warnings: readonly string[]
  query(sql: string): Promise<Row[]>
  close(): Promise<void>
}
