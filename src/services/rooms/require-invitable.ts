import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { serverOf } from '#protocol/ids.ts'

/** Refuses users whom no invite can reach: inviting across servers takes the other server's signature. */
export function requireInvitable({ config }: Pick<Context, 'config'>, userId: string): void {
  if (serverOf(userId) !== config.server_name) throw forbidden('Users of other servers cannot be invited')
}
