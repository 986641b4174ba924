import { configOptions, type Command } from './command.ts'
import { configOf } from './configuration.ts'

/** For containers and service managers: checks the server on this machine. */
export const health: Command = {
  summary: 'Ask the server that runs on this machine whether it answers',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    const { host, port } = configOf(args, terminal).listen
    const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host)
    const url = `http://${address}:${port}/health`
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(4000) })
    if (!ok) throw new Error(`${url} answered ${status}`)
    return 0
  },
}
