import { collectGarbage } from '#base/collect-garbage.ts'
import { collectWhenIdle } from '#base/collect-when-idle.ts'
import { findRisks } from '#base/config/checks.ts'
import { limitHeapGrowth } from '#base/heap-growth.ts'
import { configOptions, type Command } from './command.ts'
import { configOf } from './configuration.ts'

export const start: Command = {
  summary: 'Run the server until a signal stops it',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    limitHeapGrowth()
    const config = configOf(args, terminal)
    // Before the modules are loaded: a signal may come during that.
    const stopped = terminal.stopped()
    const { startServer } = await import('#server.ts')
    const server = await startServer(config)
    const { log } = server.context
    for (const risk of findRisks(config)) log.warn('risky setting', { risk })
    const { adminInvitation } = await import('#services/accounts/registration/registration-token.ts')
    const invitation = await adminInvitation(server.context)
    if (invitation !== undefined) terminal.print(`${inviteAdmin(invitation)}\n`)
    // A quarter of the memory was used by the start alone.
    await collectGarbage()
    const endCollecting = collectWhenIdle(server.context)
    log.info('ready')
    const failure = await Promise.race([stopped.then(() => undefined), server.failed, terminal.crashed()])
    // Unfinished work must not make service managers wait; what was acknowledged is on disk.
    terminal.limitEnd()
    if (failure) log.error('the server cannot go on and ends', { error: failure })
    else log.info('stopping')
    endCollecting()
    await server.close()
    return failure ? 1 : 0
  },
}

/** Not a log line: it holds a secret, and it is for the person who installs the server. */
const inviteAdmin = (token: string): string =>
  `There is no administrator yet: make one with the command \`user create NAME --admin\`, or register with this single-use registration token: ${token}`
