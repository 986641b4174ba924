import { configOptions, type Command, type Group } from './command.ts'
import { configOf } from './configuration.ts'

const accept: Command = {
  summary: 'Go on with the signing key in the data folder, where the one that the database was written with is lost',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    const { withUncheckedContext } = await import('#server.ts')
    const { acceptSigningKey } = await import('#services/maintenance/check-deployment.ts')
    const keyId = await withUncheckedContext(configOf(args, terminal), async (ctx) => {
      await acceptSigningKey(ctx)
      return ctx.signingKey.keyId
    })
    terminal.print(`the signing key of this server is ${keyId} from now on\n`)
    return 0
  },
}

export const signingKey: Group = { summary: "The server's signing key", commands: { accept } }
