import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from '#context.ts'
import { forbidden, invalidParam, unknown } from '#base/errors.ts'
import { createAccount } from './create-account.ts'
import { openSession, type OpenedSession } from '#services/accounts/sessions/open-session.ts'
import { hashToken, tokenPrefixes } from '#services/accounts/sessions/token-hash.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'bus' | 'sessions' | 'userNamespaces'>

const nonceLifetimeMs = 60_000

/** A shared-secret registration; `mac` proves that the sender knows the secret. */
export type SecretRegistration = {
  nonce: string
  username: string
  password: string
  admin: boolean
  userType: string | undefined
  mac: string
}

/** A nonce for one registration within a minute. */
export async function createRegistrationNonce(ctx: Needs): Promise<string> {
  secretOf(ctx)
  const now = ctx.clock.now()
  const nonce = ctx.tokens.secret(tokenPrefixes.nonce)
  await ctx.store.accounts.registrationNonces.deleteExpired(now)
  await ctx.store.accounts.registrationNonces.insert(hashToken(nonce), now + nonceLifetimeMs)
  return nonce
}

/** Makes an account, also of an administrator, for a request that proves the configured secret. */
export async function registerWithSecret(ctx: Needs, wanted: SecretRegistration): Promise<OpenedSession> {
  const secret = secretOf(ctx)
  const isFresh = await ctx.store.accounts.registrationNonces.use(hashToken(wanted.nonce), ctx.clock.now())
  if (!isFresh) throw unknown('The nonce is not known')
  // A separator inside a field would make one signature valid for other fields.
  if ([wanted.password, wanted.userType ?? ''].some((field) => field.includes('\0')))
    throw invalidParam('A field holds U+0000')
  if (!isSigned(wanted, secret)) throw forbidden('The HMAC is wrong')
  const { username: localpart, password, admin, userType } = wanted
  const { userId } = await createAccount(ctx, { localpart, password, admin, userType })
  const options = { deviceId: undefined, displayName: undefined, refreshable: false }
  return ctx.store.transaction((tx) => openSession(ctx, tx, { userId, ...options }))
}

function secretOf({ config }: Pick<Context, 'config'>): string {
  const { shared_secret: secret } = config.registration
  if (secret === undefined) throw unknown('Registration with a shared secret is not configured')
  return secret
}

function isSigned({ nonce, username, password, admin, userType, mac }: SecretRegistration, secret: string): boolean {
  const fields = [
    nonce,
    username,
    password,
    admin ? 'admin' : 'notadmin',
    ...(userType === undefined ? [] : [userType]),
  ]
  const expected = createHmac('sha1', secret).update(fields.join('\0')).digest()
  const given = Buffer.from(mac, 'hex')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
