import type { Context } from '#context.ts'
import { configOptions, UsageError, type Arguments, type Command, type Group, type Terminal } from './command.ts'
import { configOf } from './configuration.ts'

const passwordOptions = { password: { type: 'string' }, 'password-stdin': { type: 'boolean' } } as const
const passwordUsage = '[--password PASSWORD | --password-stdin]'

const create: Command = {
  summary: 'Make an account; without a password given, one is made up and printed',
  usage: `NAME [--admin] ${passwordUsage} [--config FILE]`,
  names: 1,
  options: { ...configOptions, ...passwordOptions, admin: { type: 'boolean' } },
  run: (args, terminal) =>
    withAccounts(args, terminal, async (ctx, chosen) => {
      const { createAccount } = await import('#services/accounts/registration/create-account.ts')
      const account = { localpart: args.names[0]!, password: chosen.password, admin: args.values['admin'] === true }
      const { userId } = await createAccount(ctx, account)
      return `made ${account.admin ? 'administrator ' : ''}${userId}`
    }),
}

const resetPassword: Command = {
  summary: 'Set a new password and log out every device; without a password given, one is made up and printed',
  usage: `NAME ${passwordUsage} [--config FILE]`,
  names: 1,
  options: { ...configOptions, ...passwordOptions },
  run: (args, terminal) =>
    withAccounts(args, terminal, async (ctx, chosen) => {
      const { resetPassword: reset } = await import('#services/accounts/passwords/change-password.ts')
      const userId = await reset(ctx, { user: args.names[0]!, password: chosen.password })
      return `set the password of ${userId}`
    }),
}

export const user: Group = {
  summary: 'Make accounts and reset their passwords, also while the server runs',
  commands: { create, 'reset-password': resetPassword },
}

type Chosen = { password: string; isMadeUp: boolean }
type Work = (ctx: Context, chosen: Chosen) => Promise<string>

async function withAccounts(args: Arguments, terminal: Terminal, work: Work): Promise<number> {
  const config = configOf(args, terminal)
  const given = await givenPassword(args, terminal)
  const { withContext } = await import('#server.ts')
  await withContext(config, async (ctx) => {
    const chosen = { password: given ?? ctx.tokens.id(20), isMadeUp: given === undefined }
    const done = await work(ctx, chosen)
    terminal.print(chosen.isMadeUp ? `${done}, password: ${chosen.password}\n` : `${done}\n`)
  })
  return 0
}

/** A password on the command line is visible in the process list: standard input is the safer way. */
async function givenPassword({ values }: Arguments, terminal: Terminal): Promise<string | undefined> {
  if (values['password-stdin'] !== true) return values['password'] as string | undefined
  if (values['password'] !== undefined) throw new UsageError('give --password or --password-stdin, not both')
  return (await terminal.read()).replace(/\r?\n$/, '')
}
