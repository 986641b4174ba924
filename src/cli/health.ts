import { configOptions, type Command } from './command.ts'
import { configOf } from './configuration.ts'
import { localUrl } from './local-url.ts'

/** For containers and service managers: checks the server on this machine. */
export const health: Command = {
  summary: 'Ask the server that runs on this machine whether it answers',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    const url = `${localUrl(configOf(args, terminal).listen)}/health`
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(4000) })
    if (!ok) throw new Error(`${url} answered ${status}`)
    return 0
  },
}
