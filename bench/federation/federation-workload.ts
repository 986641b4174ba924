import type { Figures, Options } from '../support/workload.ts'

/** What the command line says of the servers to start. */
export type Surroundings = {
  /** postgres://…; absent: SQLite. */
  database: string | undefined
  /** A folder for a CPU profile of our own server. */
  profileTo: string | undefined
}

/** What is measured of our server among others, which are started with it. */
export type FederationWorkload = {
  summary: string
  defaults: Partial<Options>
  run(options: Options, surroundings: Surroundings): Promise<Figures>
}
