import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { Context } from '#context.ts'
import { isReady } from './is-ready.ts'

type Needs = Pick<Context, 'metrics' | 'store'>

/** The endpoints of the metrics port, for operators: not reachable through the public port. */
export function operationsApp({ metrics, store }: Needs): RequestListener {
  const router = new Router()
  router.get('/metrics', async (exchange) => {
    const { contentType, text } = await metrics.render()
    exchange.set('content-type', contentType)
    exchange.body = text
  })
  router.get('/health/live', (exchange) => void (exchange.body = { status: 'alive' }))
  router.get(['/health', '/health/ready'], async (exchange) => {
    const ready = await isReady(store)
    exchange.status = ready ? 200 : 503
    exchange.body = { status: ready ? 'ready' : 'database unreachable' }
  })
  const koa = new Koa()
  koa.use(router.routes())
  const callback = koa.callback()
  return (request, response) => void callback(request, response)
}
