import type { Target } from './target.ts'

/** What may be set on the command line; every workload reads what concerns it. */
export type Options = {
  clients: number
  rooms: number
  members: number
  seconds: number
  rate: number
  days: number
  servers: number
}

/** Figures by name; the unit stands at the end of the name (`_ms`, `_per_s`, `_mb`). */
export type Figures = Record<string, number>

export type Workload = {
  summary: string
  /** What the options are when the command line is silent. */
  defaults: Partial<Options>
  run(target: Target, options: Options): Promise<Figures>
}

/** What is measured below the public API, in this process or one made for it; our own code alone. */
export type InsideWorkload = {
  summary: string
  defaults: Partial<Options>
  /** `database`: postgres://… of an empty database; absent: SQLite in a temporary folder. */
  run(options: Options, database?: string): Promise<Figures>
}
