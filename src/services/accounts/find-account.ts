import type { Context } from '#context.ts'
import { isValidUserId, serverOf } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config'>
type Account = NonNullable<Awaited<ReturnType<Context['store']['accounts']['accounts']['find']>>>

/** The local account of a localpart or user id; matches in another case when it is the only one. */
export async function findAccount(ctx: Needs, user: string): Promise<Account | undefined> {
  const userId = user.startsWith('@') ? user : `@${user}:${ctx.config.server_name}`
  if (!isValidUserId(userId) || serverOf(userId) !== ctx.config.server_name) return undefined
  const exact = await ctx.store.accounts.accounts.find(userId)
  if (exact) return exact
  const [similar, ...others] = await ctx.store.accounts.accounts.listFolded(userId)
  return others.length === 0 ? similar : undefined
}
