import { findRisks } from '#base/config/checks.ts'
import type { Config } from '#base/config/schema.ts'
import { configOptions, type Command } from './command.ts'
import { configOf } from './configuration.ts'
import { clock, database } from './doctor/database.ts'
import { dataFolder, signingKeyFile } from './doctor/files.ts'
import { problem, warning, worst, type Check, type Finding } from './doctor/finding.ts'
import { publicAddress } from './doctor/public-address.ts'
import { reverseProxy, runningServer } from './doctor/running-server.ts'

const configuration: Check = {
  about: 'configuration',
  run: async (config) => worst(findRisks(config).map(warning), 'nothing looks unintended'),
}

const checks: readonly Check[] = [
  configuration,
  dataFolder,
  signingKeyFile,
  database,
  clock,
  runningServer,
  reverseProxy,
  publicAddress,
]

/** A bad configuration ends it with all problems, as any other command. */
export const doctor: Command = {
  summary: 'Look for what keeps a server from working; exit code 1 when there is a problem',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    const config = configOf(args, terminal)
    let problems = 0
    for (const check of checks) {
      const { level, text } = await make(check, config)
      if (level === 'problem') problems++
      terminal.print(`${level.padEnd(8)} ${check.about}: ${text}\n`)
    }
    return problems === 0 ? 0 : 1
  },
}

const make = ({ run }: Check, config: Config): Promise<Finding> =>
  run(config).catch((error: unknown) => problem(error instanceof Error ? error.message : String(error)))
