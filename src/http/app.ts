import type { IncomingMessage, RequestListener } from 'node:http'
import Koa, { type Context as Exchange } from 'koa'
import { systemClock } from '#base/clock.ts'
import type { Context } from '#context.ts'
import { clientAddress } from './client-address.ts'
import { corsHeaders } from './cors.ts'
import type { Endpoint } from './endpoint.ts'
import { errorAnswer } from './error-answer.ts'
import { answerEndpoint } from './answer-endpoint.ts'
import type { RequestIds } from './request-id.ts'
import { RequestsUnderWay } from './requests-under-way.ts'
import type { Authenticators } from './requester.ts'
import { routeTable, type Match } from './route-table.ts'
import { sendAnswer, type Answer } from './send-answer.ts'
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
  /** Aborts the signal of all requests under way and lets connections end with their answers. */
  stop(): void
  /** Waits for work whose client may be gone already, for half a second at most. */
  finish(): Promise<void>
}

/** What the steps of one request share. */
type Kernel = AppOptions & {
  route: (method: string, url: string) => Match
  addressOf: (request: IncomingMessage) => string
  underWay: RequestsUnderWay
}

/** The whole client and federation surface as one Koa application. */
export function createApp(options: AppOptions): App {
  compileSchemas({
    requests: options.endpoints.flatMap(({ params, query, body }) => [params, query, body]),
    replies: options.checkReplies ? options.endpoints.map(({ reply }) => reply) : [],
  })
  const kernel: Kernel = {
    ...options,
    route: routeTable(options.endpoints),
    addressOf: clientAddress(options.ctx.config.listen.trusted_proxies),
    underWay: new RequestsUnderWay(),
  }
  const { underWay } = kernel
  const koa = new Koa()
  // What remains here are broken connections: answers are made, and bugs logged, in `answer`.
  koa.on('error', (error: unknown) => options.ctx.log.debug('connection broke', { error }))
  koa.use((exchange) =>
    options.requestIds.run(async (id) => {
      const send = ({ headers, ...answer }: Answer) => {
        const ending = underWay.isStopping ? { connection: 'close' } : undefined
        sendAnswer(exchange, { ...answer, headers: { 'x-request-id': id, ...corsHeaders, ...headers, ...ending } })
      }
      if (exchange.method === 'OPTIONS') send({ status: 204 })
      else await answer(kernel, exchange, send)
    }),
  )
  return {
    listener: koa.callback(),
    stop: () => underWay.stop(),
    async finish() {
      const giveUp = new AbortController()
      await Promise.race([underWay.ended(), systemClock.sleep(500, giveUp.signal)])
      giveUp.abort()
    },
  }
}

/** Answers one request, whatever happens, and counts it. */
async function answer(kernel: Kernel, exchange: Exchange, send: (answer: Answer) => void): Promise<void> {
  const { ctx, underWay } = kernel
  const { method = '', url = '/' } = exchange.req
  const started = performance.now()
  underWay.begin()
  let path = 'unmatched'
  try {
    const match = kernel.route(method, url)
    path = match.endpoint.paths[0] ?? path
    const ip = kernel.addressOf(exchange.req)
    const signal = () => underWay.signalFor(exchange.res)
    send(await answerEndpoint(kernel, { request: exchange.req, match, ip, signal }))
  } catch (error) {
    if (isGone(exchange)) ctx.log.debug('client went away', { path })
    else send(errorAnswer(error, { log: ctx.log, path }))
  }
  underWay.end()
  const status = isGone(exchange) ? 499 : exchange.status
  ctx.metrics.requestDone({ method, path, status, ms: performance.now() - started })
}

const isGone = (exchange: Exchange) => exchange.res.destroyed || exchange.req.socket.destroyed
