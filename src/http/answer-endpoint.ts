import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { ArrivingBytes } from './arriving-bytes.ts'
import { discardBody, jsonLimits, readBytes, readJsonBody, type JsonLimits } from './body.ts'
import { JsonPieces, JsonText, type Endpoint } from './endpoint.ts'
import { addressKey, limitRate } from './rate-limit.ts'
import type { Authenticators } from './requester.ts'
import type { Match } from './route-table.ts'
import { jsonAnswer, piecesAnswer, type Answer } from './send-answer.ts'
import { replyViolation, validateBody, validateParams, validateQuery } from './validate.ts'

/** The dependencies of answering an endpoint. */
export type Surroundings = {
  ctx: Context
  authenticators: Authenticators<Context>
  checkReplies: boolean
  arriving: ArrivingBytes
}

export type Asked = { request: IncomingMessage; match: Match; ip: string; signal: () => AbortSignal }

/** The steps from a matched route to its answer: authenticate, limit, read, validate, handle, reply. */
export async function answerEndpoint(around: Surroundings, asked: Asked): Promise<Answer> {
  const { ctx, checkReplies } = around
  const { request, match, ip, signal } = asked
  const { endpoint } = match
  const { url = '/' } = request
  // No id or name may hold U+0000, and PostgreSQL refuses to compare with it.
  if (url.includes('%00')) throw invalidParam('The URL holds U+0000')
  const query = new URLSearchParams(queryString(url))
  const limits = jsonLimits(endpoint, ctx.config, around.arriving.claim(addressKey(ip)))
  const { requester, json } = await admit(around, asked, { query, limits })
  const received = {
    params: endpoint.params ? validateParams(endpoint.params, match.params) : match.params,
    query: endpoint.query ? validateQuery(endpoint.query, query) : {},
    body: endpoint.body ? validateBody(endpoint.body, json) : {},
    ip,
    userAgent: request.headers['user-agent'] ?? '',
    signal,
    stream: request,
    wholeBody: () => readBytes(request, limits),
  }
  const reply = await endpoint.handle(ctx, received, requester)
  if (endpoint.kind === 'stream') return reply as Answer
  if (reply instanceof JsonPieces)
    return piecesAnswer(checkReplies ? await checkedPieces(endpoint, reply) : reply.pieces)
  return jsonAnswer(checkReplies ? checkedText(endpoint, reply) : textOf(reply))
}

/** Unauthenticated requests are refused before their body is read, except those of servers, which sign it. */
async function admit(
  { ctx, authenticators }: Surroundings,
  { request, match, ip }: Asked,
  { query, limits }: { query: URLSearchParams; limits: JsonLimits },
): Promise<{ requester: unknown; json: unknown }> {
  const { auth, body, kind, limit } = match.endpoint
  if (!body && kind === 'json') discardBody(request)
  const read = () => (body ? readJsonBody(request, limits) : undefined)
  const early = auth === 'server' ? await read() : undefined
  const { method, url = '/' } = request
  // Node drops a second Authorization header, which the signature of a server must not have.
  const headers = auth === 'server' ? request.headersDistinct : request.headers
  const credentials = { method: method ?? '', url, headers, query, ip, body: early }
  const requester = auth === 'none' ? undefined : await authenticators[auth](ctx, credentials)
  // Where no token is needed, a request with one still counts against its address.
  limitRate(ctx.rateBuckets, limit, { requester: auth === 'optional' ? undefined : requester, ip })
  return { requester, json: auth === 'server' ? early : await read() }
}

function queryString(url: string): string {
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

const textOf = (reply: unknown): string => (reply instanceof JsonText ? reply.text : JSON.stringify(reply))

/** Validates the serialized reply, not the object that it was made of. */
function checkedText(endpoint: Endpoint, reply: unknown): string {
  const text = textOf(reply)
  check(endpoint, text)
  return text
}

/** The same, which needs all of them before the first is sent. */
async function checkedPieces(endpoint: Endpoint, { pieces }: JsonPieces): Promise<AsyncIterable<string>> {
  const made = await Array.fromAsync(pieces)
  check(endpoint, made.join(''))
  return Readable.from(made)
}

function check(endpoint: Endpoint, text: string): void {
  const violation = endpoint.reply && replyViolation(endpoint.reply, JSON.parse(text))
  if (violation) throw new Error(`The reply of ${endpoint.method} ${endpoint.paths[0]} is wrong: ${violation}`)
}
