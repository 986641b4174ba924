import type { Context } from '#context.ts'
import { hashToken, tokenPrefixes } from '#services/accounts/sessions/token-hash.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock'>
type RegistrationToken = NonNullable<Awaited<ReturnType<Context['store']['accounts']['registrationTokens']['find']>>>

/** The token, if it can be used for a registration now. */
export async function findRegistrationToken(ctx: Needs, token: string): Promise<RegistrationToken | undefined> {
  const found = await ctx.store.accounts.registrationTokens.find(hashToken(token))
  return found && isUsable(ctx, found) ? found : undefined
}

/** While registration is closed, only an invitation to become administrator opens it. */
function isUsable({ config, clock }: Needs, token: RegistrationToken): boolean {
  if (config.registration.mode === 'closed' && !token.grantsAdmin) return false
  if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) return false
  return token.usesAllowed === undefined || token.uses < token.usesAllowed
}

/** The options of a new registration token, as an administrator sets them. */
export type RegistrationTokenOptions = { token?: string; usesAllowed?: number; expiresAt?: number }

/** Makes a registration token that administrators can list; undefined when the requested one exists. */
export async function createRegistrationToken(
  ctx: Pick<Context, 'store' | 'clock' | 'tokens'>,
  { token = ctx.tokens.id(16), usesAllowed, expiresAt }: RegistrationTokenOptions,
): Promise<string | undefined> {
  const isNew = await ctx.store.accounts.registrationTokens.insert({
    tokenHash: hashToken(token),
    token,
    usesAllowed,
    uses: 0,
    expiresAt,
    grantsAdmin: false,
    createdAt: ctx.clock.now(),
  })
  return isNew ? token : undefined
}

/** While the server has no administrator: a new token with which one can register, once. Earlier ones end. */
export async function adminInvitation(ctx: Pick<Context, 'store' | 'clock' | 'tokens'>): Promise<string | undefined> {
  const token = ctx.tokens.secret(tokenPrefixes.registration)
  const createdAt = ctx.clock.now()
  return ctx.store.transaction(async (tx) => {
    if (await tx.accounts.accounts.hasAdmin()) return undefined
    await tx.accounts.registrationTokens.deleteAdminInvitations()
    await tx.accounts.registrationTokens.insert({
      tokenHash: hashToken(token),
      token: undefined,
      usesAllowed: 1,
      uses: 0,
      expiresAt: undefined,
      grantsAdmin: true,
      createdAt,
    })
    return token
  })
}
