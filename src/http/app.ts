import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import Koa, { type Context as Exchange } from 'koa'
import { systemClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Context } from '#context.ts'
import { ArrivingBytes } from './arriving-bytes.ts'
import { clientAddress } from './client-address.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import type { Endpoint } from './endpoint.ts'
import { errorAnswer } from './error-answer.ts'
import { answerEndpoint } from './answer-endpoint.ts'
import { addressKey } from './rate-limit.ts'
import type { RequestIds } from './request-id.ts'
import { RequestsUnderWay } from './requests-under-way.ts'
import type { Authenticators } from './requester.ts'
import { routeTable, type Match } from './route-table.ts'
import { sendAnswer, type Answer } from './send-answer.ts'
import { sendPieces } from './send-pieces.ts'
import { UnsentAnswers } from './unsent-answers.ts'
import { compileSchemas } from './validate.ts'

export type AppOptions = {
  ctx: Context
  endpoints: readonly Endpoint[]
  authenticators: Authenticators<Context>
  requestIds: RequestIds
  /** Validates every reply against its schema; a wrong one becomes a 500. */
  checkReplies: boolean
}

export type App = {
  listener: RequestListener
  /** The first address whose X-Forwarded-For was ignored, because it is not trusted. */
  untrustedProxy(): string | undefined
  /** Aborts the signal of all requests under way and lets connections end with their answers. */
  stop(): void
  /** Waits for work in progress, also of disconnected clients, for half a second at most. */
  finish(): Promise<void>
}

/** The state of one request. */
type Kernel = AppOptions & {
  route: (method: string, url: string) => Match
  addressOf: (request: IncomingMessage) => string
  underWay: RequestsUnderWay
  arriving: ArrivingBytes
  unsent: UnsentAnswers
  untrustedProxy: string | undefined
}

/** The whole client and federation surface as one Koa application. */
export function createApp(options: AppOptions): App {
  compileSchemas({
    requests: options.endpoints.flatMap(({ params, query, body }) => [params, query, body]),
    replies: options.checkReplies ? options.endpoints.map(({ reply }) => reply) : [],
  })
  const kernel = createKernel(options)
  const { underWay } = kernel
  const koa = new Koa()
  // Only broken connections are left here: responses are made, and bugs logged, in `answer`.
  koa.on('error', (error: unknown) => options.ctx.log.debug('connection broke', { error }))
  koa.use((exchange) => options.requestIds.run((id) => answer(kernel, exchange, id)))
  const answering = koa.callback()
  return {
    listener(request, response) {
      if (request.method === 'OPTIONS') answerPreflight(response, underWay)
      else void answering(request, response)
    },
    untrustedProxy: () => kernel.untrustedProxy,
    stop: () => underWay.stop(),
    async finish() {
      const giveUp = new AbortController()
      await Promise.race([underWay.ended(), systemClock.sleep(500, giveUp.signal)])
      giveUp.abort()
    },
  }
}

function createKernel(options: AppOptions): Kernel {
  const { config, log, metrics } = options.ctx
  const { limits, listen } = config
  const kernel: Kernel = {
    ...options,
    route: routeTable(options.endpoints),
    untrustedProxy: undefined,
    addressOf: clientAddress(listen.trusted_proxies, (peer) => {
      kernel.untrustedProxy = peer
      log.warn('X-Forwarded-For is ignored: if its sender is your reverse proxy, name it in listen.trusted_proxies', {
        peer,
      })
    }),
    underWay: new RequestsUnderWay(),
    arriving: new ArrivingBytes({ inAll: limits.arriving_bytes, perAddress: limits.arriving_bytes_per_address }),
    unsent: new UnsentAnswers(
      {
        inAll: limits.unsent_bytes,
        perAddress: limits.unsent_bytes_per_address,
        perConnection: limits.unsent_bytes_per_connection,
        timeoutMs: limits.unsent_timeout_ms,
      },
      () => metrics.connectionCut('unsent'),
    ),
  }
  metrics.countBytes({ arriving: () => kernel.arriving.inAll, unsent: () => kernel.unsent.inAll })
  return kernel
}

/** Preflights are a third of all requests of web clients: they skip all other steps. */
function answerPreflight(response: ServerResponse, { isStopping }: RequestsUnderWay): void {
  response.writeHead(204, isStopping ? { ...preflightHeaders, connection: 'close' } : preflightHeaders)
  response.end()
}

/** Answers one request, whatever happens, and counts it. */
async function answer(kernel: Kernel, exchange: Exchange, id: string): Promise<void> {
  const { ctx, underWay, addressOf } = kernel
  const { method = '', url = '/' } = exchange.req
  const started = performance.now()
  const ip = addressOf(exchange.req)
  const send = (made: Answer) => sendTo({ kernel, exchange, id, ip }, made)
  underWay.begin()
  ctx.metrics.requestBegun()
  let path = 'unmatched'
  try {
    const match = kernel.route(method, url)
    path = match.endpoint.paths[0] ?? path
    const signal = () => underWay.signalFor(exchange.res)
    const made = await answerEndpoint(kernel, { request: exchange.req, match, ip, signal })
    const holds = send(made)
    if (made.pieces) await sendPieces(exchange.res, made.pieces, holds)
  } catch (error) {
    if (isGone(exchange)) ctx.log.debug('client went away', { path })
    else if (exchange.res.headersSent) breakOff(exchange, { error, path, log: ctx.log })
    else send(errorAnswer(error, { log: ctx.log, path }))
  }
  underWay.end()
  const status = isGone(exchange) ? 499 : exchange.status
  ctx.metrics.requestDone({ method, path, status, ms: performance.now() - started })
}

type Receiver = { kernel: Kernel; exchange: Exchange; id: string; ip: string }

/** Where the making fails after a part was sent, the client must not take that for the whole. */
function breakOff({ res }: Exchange, { log, error, path }: { log: Log; error: unknown; path: string }): void {
  log.error('an answer broke off', { error, path })
  res.destroy()
}

const holdsNothing = (): void => {}

/**
 * Sends an answer, and watches what the client does not take at once. Of an answer in pieces it is said by calling what
 * is given back how much waits.
 */
function sendTo(
  { kernel: { underWay, unsent }, exchange, id, ip }: Receiver,
  { headers, ...made }: Answer,
): (bytes: number) => void {
  const ending = underWay.isStopping ? { connection: 'close' } : undefined
  sendAnswer(exchange, { ...made, headers: { 'x-request-id': id, ...corsHeaders, ...headers, ...ending } })
  const { res: response } = exchange
  const isStream = made.body instanceof Readable
  if (!isStream && !made.pieces && response.writableLength === 0) return holdsNothing
  const bytes = isStream || made.body === undefined ? 0 : Buffer.byteLength(made.body as string | Buffer)
  return unsent.watch(response, { address: addressKey(ip), bytes })
}

const isGone = (exchange: Exchange) => exchange.res.destroyed || exchange.req.socket.destroyed
