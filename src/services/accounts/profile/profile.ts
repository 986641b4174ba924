import { jobsChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { forbidden, notFound } from '#base/errors.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { isValidUserId, serverOf, type UserId } from '#protocol/ids.ts'
import { checkFieldName, checkFieldValue, checkProfileSize, isShownInRooms } from './profile-field.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'tokens' | 'clock' | 'config'>
type Requester = { userId: UserId; isSuspended: boolean }

/** All fields of a local user's profile; 404 for users that do not exist or are deactivated. */
export async function findProfile(
  ctx: Pick<Context, 'store' | 'config'>,
  userId: UserId,
): Promise<{ [name: string]: JsonValue }> {
  if (!isValidUserId(userId) || serverOf(userId) !== ctx.config.server_name) throw notFound('There is no such user')
  const account = await ctx.store.accounts.accounts.find(userId)
  if (account === undefined || account.isErased) throw notFound('There is no such user')
  return ctx.store.accounts.profiles.find(userId)
}

/** Sets one field of the requester's own profile. */
export async function setProfileField(
  ctx: Needs,
  requester: Requester,
  change: { userId: UserId; name: string; value: JsonValue },
): Promise<void> {
  const { userId, name } = change
  checkChange(requester, change)
  const value = checkFieldValue(name, change.value)
  await carryOut(ctx, { userId, name }, async (tx) => {
    if (value === undefined) return tx.accounts.profiles.deleteField(userId, name)
    const others = await tx.accounts.profiles.find(userId)
    checkProfileSize({ ...others, [name]: value }, ctx.config.limits.profile_bytes)
    await tx.accounts.profiles.setField(userId, name, value)
  })
}

/** Removes one field of the requester's own profile, if it is there. */
export async function deleteProfileField(
  ctx: Needs,
  requester: Requester,
  change: { userId: UserId; name: string },
): Promise<void> {
  checkChange(requester, change)
  await carryOut(ctx, change, (tx) => tx.accounts.profiles.deleteField(change.userId, change.name))
}

type Field = { userId: UserId; name: string }

/** The kind of the job that updates a user's member events after a profile change; its key is the user id. */
export const showProfileJob = 'show-profile'

/** Changes the profile and, in the same transaction, requests the job that updates member events. */
async function carryOut(ctx: Needs, field: Field, change: (tx: Transaction) => Promise<void>): Promise<void> {
  const { userId, name } = field
  await ctx.store.transaction(async (tx) => {
    await change(tx)
    if (!isShownInRooms(name)) return
    const job = { id: ctx.tokens.id(16), kind: showProfileJob, key: userId, payload: {}, now: ctx.clock.now() }
    await tx.jobs.jobs.addAgain(job)
  })
  if (isShownInRooms(name)) ctx.bus.publish(jobsChanged, { kind: showProfileJob })
}

function checkChange(requester: Requester, { userId, name }: Field): void {
  checkFieldName(name)
  if (userId !== requester.userId) throw forbidden('A profile is changed by its user alone')
  refuseSuspended(requester)
}
