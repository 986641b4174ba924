import type { Context as Exchange } from 'koa'
import { invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { readJsonBody } from './body.ts'
import { JsonText, type Endpoint } from './endpoint.ts'
import { limitRate } from './rate-limit.ts'
import type { Authenticators } from './requester.ts'
import type { Match } from './route-table.ts'
import type { Answer } from './stream-endpoint.ts'
import { replyViolation, validateBody, validateParams, validateQuery } from './validate.ts'

const longText = 65_536

/** What answering an endpoint needs of the application. */
export type Surroundings = { ctx: Context; authenticators: Authenticators<Context>; checkReplies: boolean }

export type Request = { exchange: Exchange; match: Match; ip: string; signal: () => AbortSignal }

/** The steps from a matched route to its answer: authenticate, limit, read, validate, handle, reply. */
export async function answerEndpoint(around: Surroundings, request: Request): Promise<void> {
  const { ctx, checkReplies } = around
  const { exchange, match, ip, signal } = request
  const { endpoint } = match
  const url = exchange.req.url ?? '/'
  // No id or name may hold U+0000, and PostgreSQL refuses to compare with it.
  if (url.includes('%00')) throw invalidParam('The URL holds U+0000')
  const query = new URLSearchParams(queryString(url))
  const { requester, json } = await admit(around, request, query)
  const received = {
    params: endpoint.params ? validateParams(endpoint.params, match.params) : match.params,
    query: endpoint.query ? validateQuery(endpoint.query, query) : {},
    body: endpoint.body ? validateBody(endpoint.body, json) : {},
    ip,
    userAgent: exchange.get('user-agent'),
    signal,
    stream: exchange.req,
  }
  const reply = await endpoint.handle(ctx, received, requester)
  if (endpoint.kind === 'stream') sendAnswer(exchange, reply as Answer)
  else sendJson(exchange, checkReplies ? checkedText(endpoint, reply) : textOf(reply))
}

/** Strangers are turned away before their body is read, except servers: they sign it. */
async function admit(
  { ctx, authenticators }: Surroundings,
  { exchange, match, ip }: Request,
  query: URLSearchParams,
): Promise<{ requester: unknown; json: unknown }> {
  const { auth, body, bodyLimit, limit } = match.endpoint
  const limits = { bytes: bodyLimit ?? ctx.config.limits.body_bytes, depth: ctx.config.limits.json_depth }
  const read = async () => (body ? readJsonBody(exchange.req, limits) : undefined)
  const early = auth === 'server' ? await read() : undefined
  const { method, url = '/', headers } = exchange.req
  const credentials = { method: method ?? '', url, headers, query, ip, body: early }
  const requester = auth === 'none' ? undefined : await authenticators[auth](ctx, credentials)
  limitRate(ctx.rateBuckets, limit, { requester, ip })
  return { requester, json: auth === 'server' ? early : await read() }
}

function queryString(url: string): string {
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

const textOf = (reply: unknown): string => (reply instanceof JsonText ? reply.text : JSON.stringify(reply))

/** Checks what is really sent, not what it was made of. */
function checkedText(endpoint: Endpoint, reply: unknown): string {
  const text = textOf(reply)
  const violation = endpoint.reply && replyViolation(endpoint.reply, JSON.parse(text))
  if (violation) throw new Error(`The reply of ${endpoint.method} ${endpoint.paths[0]} is wrong: ${violation}`)
  return text
}

function sendJson(exchange: Exchange, text: string): void {
  exchange.status = 200
  exchange.set('content-type', 'application/json')
  exchange.set('cache-control', 'no-store')
  // The socket takes a long string in pieces, each at a cost; as bytes it goes at once.
  exchange.body = text.length > longText ? Buffer.from(text) : text
}

function sendAnswer(exchange: Exchange, { status = 200, headers = {}, body = '' }: Answer): void {
  exchange.status = status
  exchange.set(headers)
  exchange.body = body
}
