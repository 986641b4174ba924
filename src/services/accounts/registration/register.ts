import type { Context } from '#context.ts'
import { forbidden, missingParam } from '#base/errors.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { addAccount, type AccountRow } from './create-account.ts'
import { findFinished, interact } from '#services/accounts/sessions/interactive-auth.ts'
import { newAppserviceUserId, newUserId } from './new-user-id.ts'
import {
  checkSessionOptions,
  openSession,
  type SessionOptions,
  type OpenedSession,
} from '#services/accounts/sessions/open-session.ts'
import { refuseUnusable } from '#services/accounts/sessions/refuse-unusable.ts'
import { announceSessions } from '#services/accounts/sessions/session-changes.ts'
import { hashPassword } from '#services/accounts/passwords/password-hash.ts'
import { checkPassword } from '#services/accounts/passwords/password-rules.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<
  Context,
  'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'sessions' | 'rateBuckets' | 'userNamespaces'
>

/** A registration request. */
export type Registration = SessionOptions & {
  username: string | undefined
  password: string | undefined
  /** `inhibit_login`: whether no session is opened. */
  inhibitLogin: boolean
}

export type Registered = { userId: UserId; session: OpenedSession | undefined }

/** Reads the body of a registration request, also the stored one of an earlier request. */
export type RegistrationRequest = {
  body: JsonObject
  read: (body: JsonObject) => Registration
  /** The address of the client, against which its authentication sessions count. */
  address: string
}

const tokenStage = 'm.login.registration_token'

/**
 * Registers a user after the stages that the configuration asks for. A finished request that is repeated answers the
 * same account, as long as its authentication session lives.
 */
export async function register(ctx: Needs, request: RegistrationRequest): Promise<Registered> {
  const repeated = await repeat(ctx, request)
  if (repeated) return repeated
  try {
    return await registerAnew(ctx, request)
  } catch (error) {
    // The same request may have finished meanwhile.
    const finished = await repeat(ctx, request)
    if (finished) return finished
    throw error
  }
}

/** Opens a session for a finished registration, replacing the one whose response was lost. */
async function repeat(ctx: Needs, { body, read }: RegistrationRequest): Promise<Registered | undefined> {
  const finished = await findFinished(ctx, body)
  if (!finished) return undefined
  const { userId, deviceId } = finished.registered
  const account = await ctx.store.accounts.accounts.find(userId)
  if (!account) return undefined
  refuseUnusable(account)
  const wanted = read(finished.body)
  if (wanted.inhibitLogin) return { userId, session: undefined }
  const session = await ctx.store.transaction((tx) => openSession(ctx, tx, { ...wanted, userId, deviceId }))
  announceSessions(ctx, userId)
  return { userId, session }
}

async function registerAnew(ctx: Needs, { body, read, address }: RegistrationRequest): Promise<Registered> {
  const flows = await registrationFlows(ctx)
  await check(ctx, read(body))
  const approved = await interact(ctx, {
    owner: `address ${address}`,
    userId: undefined,
    name: 'POST /register',
    body,
    flows,
  })
  const wanted = read(approved.body)
  await check(ctx, wanted)
  if (wanted.password === undefined) throw missingParam('A password is needed')
  const userId = await newUserId(ctx, wanted.username ?? ctx.tokens.id(12))
  const passwordHash = await hashPassword(ctx, wanted.password)
  const { proofs, sessionHash } = approved
  return enroll(ctx, { userId, passwordHash }, { wanted, tokenHash: proofs[tokenStage], sessionHash })
}

/** Registers a user of an application service; the account has no password. */
export async function registerForAppservice(
  ctx: Needs,
  { appserviceId, wanted }: { appserviceId: string; wanted: Registration },
): Promise<Registered> {
  if (wanted.username === undefined) throw missingParam('A user name is needed')
  checkSessionOptions(wanted)
  const userId = await newAppserviceUserId(ctx, { username: wanted.username, appserviceId })
  return enroll(ctx, { userId, appserviceId }, { wanted })
}

/** The flows by which an account may be made. Throws M_FORBIDDEN when registration is closed and there is no invitation. */
export async function registrationFlows(ctx: Pick<Context, 'store' | 'config' | 'clock'>): Promise<string[][]> {
  const { mode } = ctx.config.registration
  const isInvited = await ctx.store.accounts.registrationTokens.hasAdminInvitation(ctx.clock.now())
  const open = mode === 'open' ? [['m.login.dummy']] : []
  const flows = mode === 'token' || isInvited ? [...open, [tokenStage]] : open
  if (flows.length === 0) throw forbidden('Registration is closed')
  return flows
}

async function check(ctx: Needs, wanted: Registration): Promise<void> {
  checkSessionOptions(wanted)
  if (wanted.password !== undefined) checkPassword(ctx, wanted.password)
  if (wanted.username !== undefined) await newUserId(ctx, wanted.username)
}

type Enrollment = { wanted: Registration; tokenHash?: string | undefined; sessionHash?: string | undefined }

async function enroll(ctx: Needs, account: AccountRow, enrollment: Enrollment): Promise<Registered> {
  const { userId } = account
  const { wanted, tokenHash, sessionHash } = enrollment
  const session = await ctx.store.transaction(async (tx) => {
    const token = tokenHash === undefined ? undefined : await tx.accounts.registrationTokens.find(tokenHash)
    if (tokenHash !== undefined && !(await tx.accounts.registrationTokens.use(tokenHash, ctx.clock.now())))
      throw forbidden('The registration token was used up')
    await addAccount(ctx, tx, { ...account, isAdmin: token?.grantsAdmin ?? false })
    const opened = wanted.inhibitLogin ? undefined : await openSession(ctx, tx, { ...wanted, userId })
    if (sessionHash !== undefined) {
      const registered = { userId, deviceId: opened?.deviceId }
      if (!(await tx.accounts.interactiveSessions.finish(sessionHash, registered)))
        throw forbidden('The authentication session was used')
    }
    return opened
  })
  return { userId, session }
}
