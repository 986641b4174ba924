import type { Context } from '#context.ts'
import { forbidden, MatrixError } from '#base/errors.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { findAccount } from '#services/accounts/find-account.ts'
import { verifyPassword } from '#services/accounts/passwords/password-hash.ts'
import { findRegistrationToken } from '#services/accounts/registration/registration-token.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'rateBuckets'>

/** The `auth` of a request for one stage, and the user who has to authenticate. */
export type StageAttempt = { auth: JsonObject; userId: UserId | undefined }

/** Checks one stage: throws the refusal, or answers what was proved. */
type Stage = (ctx: Needs, attempt: StageAttempt) => Promise<string>

/** https://spec.matrix.org/v1.19/client-server-api/#authentication-types */
export const authenticationStages: { readonly [type: string]: Stage } = {
  'm.login.dummy': async () => '',
  'm.login.password': passPassword,
  'm.login.registration_token': passRegistrationToken,
}

/** Another user than the requester was named: not counted as an attempt, whatever the password. */
export class WrongApprover extends MatrixError {
  constructor() {
    super(403, 'M_FORBIDDEN', 'The request must be approved by the user who makes it')
  }
}

async function passPassword(ctx: Needs, { auth, userId }: StageAttempt): Promise<string> {
  if (userId === undefined) throw forbidden('There is no account to prove a password of')
  const account = await claimedAccount(ctx, auth, userId)
  if (account && account.userId !== userId) throw new WrongApprover()
  ctx.rateBuckets.spend('login', `account ${userId}`)
  const password = typeof auth.password === 'string' ? auth.password : ''
  const isRight = await verifyPassword(ctx, password, account?.passwordHash)
  if (!isRight || !account) throw forbidden('Wrong user name or password')
  return userId
}

/** The account that the client names, else that of the requester. */
async function claimedAccount(ctx: Needs, auth: JsonObject, userId: UserId) {
  const { identifier, user } = auth
  const isNamed = typeof identifier === 'object' && identifier !== null && !Array.isArray(identifier)
  if (!isNamed) return findAccount(ctx, typeof user === 'string' ? user : userId)
  if (identifier.type !== 'm.id.user' || typeof identifier.user !== 'string') return undefined
  return findAccount(ctx, identifier.user)
}

async function passRegistrationToken(ctx: Needs, { auth }: StageAttempt): Promise<string> {
  const found = typeof auth.token === 'string' ? await findRegistrationToken(ctx, auth.token) : undefined
  if (found === undefined) throw forbidden('The registration token is not valid')
  return found.tokenHash
}
