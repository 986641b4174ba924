import type { Context } from '#context.ts'
import { forbidden, missingToken, unknownToken } from '#base/errors.ts'
import { confirmRefresh } from './refresh.ts'
import { userLocked } from './refuse-unusable.ts'
import type { CachedSession, Session } from './session-cache.ts'
import { hashToken } from './token-hash.ts'

type Needs = Pick<Context, 'store' | 'clock' | 'bus' | 'sessions'>

/** The parts of a request that carry a token. */
export type TokenBearer = {
  url: string
  headers: NodeJS.Dict<string | string[]>
  query: URLSearchParams
  ip: string
}

/** The last-seen time of a device is stored no more often than this. */
const sightingIntervalMs = 60_000
const bearer = /^bearer +(\S+) *$/i
const wellFormedToken = /^[\x21-\x7e]{1,512}$/

/** The requester that the access token belongs to, or 401. https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens */
export async function authenticate(ctx: Needs, request: TokenBearer): Promise<Session> {
  const token = tokenOf(request)
  if (token === undefined) throw missingToken()
  if (!wellFormedToken.test(token)) throw unknownToken()
  const tokenHash = hashToken(token)
  const cached = ctx.sessions.get(tokenHash) ?? (await load(ctx, tokenHash))
  if (hasExpired(ctx, cached.expiresAt)) throw unknownToken('The access token has expired', true)
  if (cached.isLocked && !isLogout(request.url)) throw userLocked()
  await recordSighting(ctx, cached, request)
  return cached.session
}

/** The same where a token is not needed. */
export async function authenticateIfGiven(ctx: Needs, request: TokenBearer): Promise<Session | undefined> {
  return tokenOf(request) === undefined ? undefined : authenticate(ctx, request)
}

/** The same for the server's administrators only. */
export async function authenticateAdmin(ctx: Needs, request: TokenBearer): Promise<Session> {
  const session = await authenticate(ctx, request)
  if (!session.isAdmin) throw forbidden('Only administrators of the server may do this')
  return session
}

/** The access token a request carries, in its header or (deprecated) its query; it may be of any kind. */
export function tokenOf({ headers, query }: Pick<TokenBearer, 'headers' | 'query'>): string | undefined {
  const header = headers['authorization']
  if (typeof header === 'string') return bearer.exec(header)?.[1]
  return query.get('access_token') || undefined
}

async function load(ctx: Needs, tokenHash: string): Promise<CachedSession> {
  const { changes } = ctx.sessions
  const token = await ctx.store.accounts.accessTokens.find(tokenHash)
  if (token === undefined) throw unknownToken()
  const { userId, deviceId, expiresAt, replaces } = token
  const account = await ctx.store.accounts.accounts.find(userId)
  const device = deviceId === undefined ? undefined : await ctx.store.accounts.devices.find(userId, deviceId)
  if (account === undefined || account.deactivatedAt !== undefined) throw unknownToken()
  if (deviceId !== undefined && device === undefined) throw unknownToken()
  const cached = {
    session: {
      userId,
      deviceId,
      isGuest: false,
      isAdmin: account.isAdmin,
      isSuspended: account.isSuspended,
      appserviceId: undefined,
    },
    isLocked: account.isLocked,
    expiresAt,
    seenAt: device?.lastSeenAt ?? -Infinity,
  }
  if (replaces === undefined) ctx.sessions.put(tokenHash, cached, changes)
  else if (!hasExpired(ctx, expiresAt)) await confirmRefresh(ctx, { replaces, accessHash: tokenHash, userId })
  return cached
}

const hasExpired = ({ clock }: Pick<Context, 'clock'>, expiresAt: number | undefined): boolean =>
  expiresAt !== undefined && clock.now() >= expiresAt

/** A locked account may still log out. */
const isLogout = (url: string): boolean => /^\/_matrix\/client\/[^/?]+\/logout(?:\/all)?\/?(?:\?|$)/.test(url)

async function recordSighting(ctx: Needs, cached: CachedSession, { ip, headers }: TokenBearer): Promise<void> {
  const { userId, deviceId } = cached.session
  const at = ctx.clock.now()
  if (deviceId === undefined || at - cached.seenAt < sightingIntervalMs) return
  cached.seenAt = at
  const userAgent = String(headers['user-agent'] ?? '').slice(0, 200)
  await ctx.store.accounts.devices.recordSighting(userId, deviceId, { at, ip, userAgent })
}
