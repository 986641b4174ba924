import type { Context } from '#context.ts'
import { forbidden, MatrixError, tooLarge } from '#base/errors.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { authenticationStages, WrongApprover } from './authentication-stages.ts'
import { AuthenticationRequired } from './authentication-required.ts'
import { seal, unseal } from './sealed-text.ts'
import { hashToken, tokenPrefixes } from './token-hash.ts'
import type { Registered } from '#store/accounts/interactive-sessions.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'rateBuckets'>

/** A request that needs user-interactive authentication. */
export type Operation = {
  /** Whose quota of sessions it counts against: the user, or the address of an unauthenticated client. */
  owner: string
  /** The user who has to authenticate; undefined at registration. */
  userId: UserId | undefined
  /** Method and path: a session is valid for this request alone. */
  name: string
  body: JsonObject
  flows: readonly (readonly string[])[]
}

/** The authenticated body, without `auth`, and what each stage proved. */
export type Approved = {
  body: JsonObject
  proofs: Record<string, string>
  /** The session of a registration, which must be finished in the same transaction. */
  sessionHash: string | undefined
}

type Session = Omit<Operation, 'name'> & {
  id: string
  operation: string
  proofs: Record<string, string>
  isStored: boolean
}

/**
 * User-interactive authentication of one request: answers once a flow is complete, else throws the 401 that says what
 * is missing. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api
 */
export async function interact(ctx: Needs, operation: Operation): Promise<Approved> {
  const { auth, ...body } = operation.body
  if (Buffer.byteLength(JSON.stringify(body)) > ctx.config.limits.interactive_body_bytes)
    throw tooLarge('The request is too large to wait for authentication')
  const fresh = newSession(ctx, { ...operation, body })
  if (!isObject(auth)) throw await ask(ctx, fresh)
  const session = typeof auth.session === 'string' ? await resume(ctx, auth.session, { ...operation, body }) : fresh
  if (session === undefined) throw await ask(ctx, fresh, forbidden('The authentication session is not known any more'))
  await attempt(ctx, session, auth)
  if (!isComplete(session)) throw await ask(ctx, session)
  const sessionHash = session.isStored && operation.userId === undefined ? hashToken(session.id) : undefined
  // A registration keeps its session: the request is repeated when its response was lost.
  if (session.isStored && !sessionHash && !(await ctx.store.accounts.interactiveSessions.delete(hashToken(session.id))))
    throw await ask(ctx, fresh, forbidden('The authentication session was used'))
  return { body: session.body, proofs: session.proofs, sessionHash }
}

/** Completes a stage from the fallback page; throws the refusal. */
export async function passStage(
  ctx: Needs,
  { sessionId, auth }: { sessionId: string; auth: JsonObject },
): Promise<void> {
  const session = await load(ctx, sessionId)
  if (session === undefined) throw forbidden('The authentication session is not known any more')
  session.proofs = await provedBy(ctx, session, auth)
  await save(ctx, session)
}

/** The result of a finished registration with this session, if the request has the same body or none. */
export async function findFinished(
  ctx: Pick<Context, 'store' | 'clock'>,
  { auth, ...body }: JsonObject,
): Promise<{ registered: Registered; body: JsonObject } | undefined> {
  if (!isObject(auth) || typeof auth.session !== 'string') return undefined
  const stored = await ctx.store.accounts.interactiveSessions.find(hashToken(auth.session), ctx.clock.now())
  if (!stored?.registered) return undefined
  const finished = JSON.parse(unseal(stored.sealedBody, auth.session)) as JsonObject
  if (Object.keys(body).length > 0 && !isSame(body, finished)) return undefined
  return { registered: stored.registered, body: finished }
}

/** Whether there is an unfinished session of this id. */
export async function isInteracting(ctx: Pick<Context, 'store' | 'clock'>, sessionId: string): Promise<boolean> {
  return (await ctx.store.accounts.interactiveSessions.find(hashToken(sessionId), ctx.clock.now())) !== undefined
}

const newSession = (ctx: Needs, { owner, userId, name, body, flows }: Operation): Session => ({
  id: ctx.tokens.secret(tokenPrefixes.interactive),
  owner,
  userId,
  operation: name,
  body,
  flows,
  proofs: {},
  isStored: false,
})

async function load(ctx: Needs, id: string): Promise<Session | undefined> {
  const stored = await ctx.store.accounts.interactiveSessions.find(hashToken(id), ctx.clock.now())
  if (stored === undefined) return undefined
  const { owner, userId, operation, flows, completed, sealedBody } = stored
  const body = JSON.parse(unseal(sealedBody, id)) as JsonObject
  return { id, owner, userId, operation, flows, body, proofs: completed, isStored: true }
}

/** The session, if it belongs to this request: it is valid for no other user, path or body. */
async function resume(ctx: Needs, id: string, { userId, name, body }: Operation): Promise<Session | undefined> {
  const session = await load(ctx, id)
  if (session === undefined) return undefined
  if (session.userId !== userId || session.operation !== name) throw forbidden('The session belongs to another request')
  if (Object.keys(body).length === 0 || isSame(body, session.body)) return session
  const mayChange = userId === undefined && Object.keys(session.proofs).length === 0
  if (!mayChange) throw forbidden('The request changed since its authentication began')
  return { ...session, body }
}

/** Checks the stage that the client names, if any; a refusal becomes another 401 of the session. */
async function attempt(ctx: Needs, session: Session, auth: JsonObject): Promise<void> {
  if ((auth.type ?? undefined) === undefined) return
  try {
    session.proofs = await provedBy(ctx, session, auth)
  } catch (error) {
    const isRefusal = error instanceof MatrixError && error.status === 403 && !(error instanceof WrongApprover)
    if (isRefusal) throw await ask(ctx, session, error)
    throw error
  }
}

async function provedBy(ctx: Needs, { flows, userId, proofs }: Session, auth: JsonObject): Promise<Session['proofs']> {
  const type = String(auth.type)
  const stage = flows.some((stages) => stages.includes(type)) ? authenticationStages[type] : undefined
  if (stage === undefined) throw forbidden('The authentication type is not offered')
  return type in proofs ? proofs : { ...proofs, [type]: await stage(ctx, { auth, userId }) }
}

const isComplete = ({ flows, proofs }: Session): boolean =>
  flows.some((stages) => stages.every((stage) => Object.hasOwn(proofs, stage)))

async function ask(ctx: Needs, session: Session, refusal?: MatrixError): Promise<AuthenticationRequired> {
  await save(ctx, session)
  const { id, flows, proofs } = session
  return new AuthenticationRequired({ session: id, flows, completed: Object.keys(proofs) }, refusal)
}

async function save(ctx: Needs, { id, body, ...session }: Session): Promise<void> {
  const now = ctx.clock.now()
  const sessionHash = hashToken(id)
  const sealedBody = seal(JSON.stringify(body), { secret: id, iv: ctx.tokens.bytes(12) })
  const { owner, userId, operation, flows, proofs: completed } = session
  if (session.isStored) return ctx.store.accounts.interactiveSessions.update(sessionHash, { completed, sealedBody })
  const expiresAt = now + ctx.config.accounts.interactive_auth_lifetime_ms
  const begun = { sessionHash, owner, userId, operation, flows, sealedBody, completed, expiresAt }
  await ctx.store.transaction(async (tx) => {
    await tx.accounts.interactiveSessions.deleteExpired(now)
    await tx.accounts.interactiveSessions.insert(begun)
    await tx.accounts.interactiveSessions.keepNewest(owner, ctx.config.limits.interactive_sessions)
  })
}

const isSame = (one: JsonObject, other: JsonObject): boolean =>
  canonicalJson(one, 'lenient') === canonicalJson(other, 'lenient')
