import { existsSync } from 'node:fs'
import { FILE_VARIABLE } from '#base/config/environment.ts'
import { loadConfig } from '#base/config/load.ts'
import type { Config } from '#base/config/schema.ts'
import type { Arguments, Terminal } from './command.ts'

const USUAL_FILE = 'config/myelin.yaml'

/** The file of `--config`, else of MYELIN_CONFIG, else config/myelin.yaml where that exists. */
export function configFile({ values }: Arguments, { env }: Terminal): string | undefined {
  if (typeof values['config'] === 'string') return values['config']
  return env[FILE_VARIABLE] || (existsSync(USUAL_FILE) ? USUAL_FILE : undefined)
}

/** The configuration a command runs with. */
export const configOf = (args: Arguments, terminal: Terminal): Config =>
  loadConfig({ file: configFile(args, terminal), env: terminal.env })
