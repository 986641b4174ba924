import type { Context } from '#context.ts'
import { exclusive, invalidUsername, userInUse } from '#base/errors.ts'
import { inLowerCase, isValidLocalpart, isValidUserId, type UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'userNamespaces'>

/** The user id for a requested localpart, in lower case; refuses names that are taken, reserved or malformed. */
export async function newUserId(ctx: Needs, username: string): Promise<UserId> {
  const userId = wellFormed(ctx, inLowerCase(username))
  if (ctx.userNamespaces.exclusiveOwner(userId) !== undefined) throw exclusive()
  return free(ctx, userId)
}

/** The same for an application service: names keep their case and must be in its namespaces. */
export async function newAppserviceUserId(
  ctx: Needs,
  { username, appserviceId }: { username: string; appserviceId: string },
): Promise<UserId> {
  const userId = wellFormed(ctx, username)
  if (!ctx.userNamespaces.mayActAs(appserviceId, userId)) throw exclusive()
  return free(ctx, userId)
}

function wellFormed({ config }: Needs, localpart: string): UserId {
  const userId: UserId = `@${localpart}:${config.server_name}`
  if (!isValidLocalpart(localpart) || !isValidUserId(userId)) throw invalidUsername()
  return userId
}

async function free({ store }: Needs, userId: UserId): Promise<UserId> {
  const taken = await store.accounts.accounts.listFolded(userId)
  if (taken.length > 0) throw userInUse()
  return userId
}
