import type { Context } from '#context.ts'
import { exclusive, invalidUsername, userInUse } from '#base/errors.ts'
import { isValidLocalpart, isValidUserId, type UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'userNamespaces'>

/** The user id that a person gets for the name wished for, in lower case; refuses names taken, reserved or ill-formed. */
export async function newUserId(ctx: Needs, username: string): Promise<UserId> {
  const userId = wellFormed(ctx, username.toLowerCase())
  if (ctx.userNamespaces.exclusiveOwner(userId) !== undefined) throw exclusive()
  return free(ctx, userId)
}

/** The same for an application service, whose names keep their case and must be among its own. */
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
