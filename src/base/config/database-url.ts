import { join } from 'node:path'
import type { Config } from './schema.ts'

/** The database as configured, else a file in the data folder. */
export const databaseUrl = ({ database: { url }, data_dir: folder }: Config): string =>
  url ?? `sqlite:${join(folder, 'myelin.db')}`
