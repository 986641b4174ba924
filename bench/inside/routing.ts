import Router from '@koa/router'
import { Type } from '@sinclair/typebox'
import { endpoint, type Endpoint } from '#http/endpoint.ts'
import { routeTable } from '#http/route-table.ts'
import type { InsideWorkload } from '../support/workload.ts'

const endpoints = 300
const lookups = 30_000

/** In microseconds for one look-up. */
export const routing: InsideWorkload = {
  summary: 'cost of finding a route among 300, in our table and in the linear scan of @koa/router',
  defaults: {},
  async run() {
    const paths = samplePaths(endpoints)
    const urls = paths.map((path) => path.replaceAll(/:\w+/g, encodeURIComponent('!room:example.org')))
    const radixUs = time(radix(paths), { urls, lookups })
    const linearUs = time(linear(paths), { urls, lookups })
    return { endpoints, radix_us: radixUs, linear_us: linearUs, times_faster: Math.round(linearUs / radixUs) }
  },
}

/** Shaped like the client-server API: a few prefixes, most paths with one or two parameters. */
function samplePaths(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const shapes = [
      `/_matrix/client/v3/rooms/:roomId/verb${n}`,
      `/_matrix/client/v3/rooms/:roomId/noun${n}/:eventId`,
      `/_matrix/client/v3/account${n}/thing`,
      `/_matrix/federation/v1/verb${n}/:roomId/:userId`,
    ]
    return shapes[n % shapes.length] ?? ''
  })
}

const declare = (path: string): Endpoint =>
  endpoint({
    method: 'GET',
    path,
    auth: 'none',
    reply: Type.Object({}),
    summary: 'Nothing.',
    spec: 'bench',
    handle: async () => ({}),
  })

type Lookup = (url: string) => unknown

function radix(paths: string[]): Lookup {
  const find = routeTable(paths.map(declare))
  return (url) => find('GET', url)
}

/** What the router itself does for a request, without a server around it. */
function linear(paths: string[]): Lookup {
  const router = new Router()
  for (const path of paths) router.get(path, (exchange) => void (exchange.body = {}))
  return (url) => router.match(url, 'GET')
}

function time(lookup: Lookup, { urls, lookups }: { urls: string[]; lookups: number }): number {
  const pass = (count: number) => {
    for (let n = 0; n < count; n++) lookup(urls[n % urls.length] ?? '')
  }
  pass(lookups / 10)
  const started = performance.now()
  pass(lookups)
  return Number((((performance.now() - started) * 1000) / lookups).toFixed(2))
}
