import type { Config } from '#base/config/schema.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { isObject } from '#protocol/events/event.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { authorizationOfBody } from '#protocol/request-signature.ts'
import type { SigningKey } from '#protocol/events/signing-key.ts'
import type { Destinations } from './destinations.ts'
import { RemoteError } from './remote-error.ts'
import type { ServerAccess } from './server-access.ts'
import type { FederationAnswer, FederationTransport } from './transport.ts'

/** A part of the context, which holds what needs this, so that it is spelled out here. */
export type RemoteNeeds = {
  config: Config
  signingKey: SigningKey
  transport: FederationTransport
  serverAccess: ServerAccess
  destinations: Destinations
}

export type RemoteRequest = {
  destination: ServerName
  method: 'GET' | 'POST' | 'PUT'
  /** Each part of the path, not yet escaped: `['_matrix', 'federation', 'v1', 'event', eventId]`. */
  path: readonly string[]
  /** An array is sent as the key repeated; undefined is left out. */
  query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
  content?: JsonObject
  /** In place of `content`: the same as canonical JSON. */
  body?: string
  /** Requests for keys are not signed. */
  isUnsigned?: boolean
  /** A user waits for it, or it may show that the server lives: it is made although the server did not answer of late. */
  isUrgent?: boolean
  timeoutMs?: number
  maxBytes?: number
  signal?: AbortSignal
}

const defaultTimeoutMs = 30_000
const defaultMaxBytes = 4_194_304

/**
 * Asks another server and answers its JSON object; throws RemoteError for anything else than success. A server that has
 * not answered several times is not asked until its pause is over, unless the request is urgent.
 */
export async function askServer(ctx: RemoteNeeds, request: RemoteRequest): Promise<JsonObject> {
  const { destination } = request
  if (!request.isUrgent && ctx.destinations.isRefused(destination))
    throw new RemoteError(destination, 'It has not answered of late, and is not asked for a while')
  try {
    const answer = await askUncounted(ctx, request)
    ctx.destinations.succeeded(destination)
    return answer
  } catch (error) {
    // What was aborted, or never sent, says nothing of the server.
    if (!(error instanceof RemoteError) || request.signal?.aborted || !mayAsk(ctx, destination)) throw error
    if (error.isFromServer) ctx.destinations.succeeded(destination)
    else if (error.isOutage) ctx.destinations.failed(destination, error.message)
    throw error
  }
}

/** The same without regard to whether the server answered before; its outcome counts for nothing. */
export async function askUncounted(ctx: RemoteNeeds, request: RemoteRequest): Promise<JsonObject> {
  const { destination } = request
  const answer = await exchange(ctx, request)
  const value = parseAnswer(answer)
  if (answer.status >= 200 && answer.status < 300) {
    if (isObject(value)) return value
    throw new RemoteError(destination, 'The answer is no JSON object', { status: answer.status })
  }
  const fields = isObject(value) ? value : {}
  const errcode = typeof fields.errcode === 'string' ? fields.errcode : undefined
  const message = typeof fields.error === 'string' ? fields.error : `It answered ${answer.status}`
  throw new RemoteError(destination, message, { status: answer.status, errcode, fields })
}

async function exchange(ctx: RemoteNeeds, request: RemoteRequest): Promise<FederationAnswer> {
  const { destination, method, content, isUnsigned, timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes } = request
  if (!isValidServerName(destination)) throw new RemoteError(destination, 'It is no server name')
  if (destination === ctx.config.server_name) throw new RemoteError(destination, 'It is this server')
  if (!ctx.serverAccess(destination)) throw new RemoteError(destination, 'Federation with it is switched off')
  const uri = uriOf(request)
  // What is sent is what is signed.
  const body = request.body ?? (content && canonicalJson(content, 'as-sent'))
  const signed = { method, uri, origin: ctx.config.server_name, destination, body }
  const headers: Record<string, string> = isUnsigned
    ? {}
    : { authorization: authorizationOfBody(signed, ctx.signingKey) }
  if (body !== undefined) headers['content-type'] = 'application/json'
  try {
    return await ctx.transport.send({
      destination,
      method,
      uri,
      headers,
      body,
      timeoutMs,
      maxBytes,
      signal: request.signal,
    })
  } catch (cause) {
    if (cause instanceof RemoteError) throw cause
    throw new RemoteError(destination, cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

const mayAsk = ({ config, serverAccess }: RemoteNeeds, destination: ServerName): boolean =>
  isValidServerName(destination) && destination !== config.server_name && serverAccess(destination)

function uriOf({ path, query = {} }: RemoteRequest): string {
  const escaped = `/${path.map(encodeURIComponent).join('/')}`
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value])
      if (one !== undefined) parameters.append(name, String(one))
  const text = parameters.toString()
  return text === '' ? escaped : `${escaped}?${text}`
}

/** One event with a number out of range is refused by itself, not the answer it came in. */
function parseAnswer({ body }: FederationAnswer): JsonValue | undefined {
  try {
    return parseStrictJson(body, { largeIntegers: true })
  } catch {
    return undefined
  }
}
