import { isReady } from '#http/is-ready.ts'
import { streamEndpoint } from '#http/stream-endpoint.ts'

/** For load balancers and container checks that reach the public port only. */
export const getHealth = streamEndpoint({
  method: 'GET',
  path: '/health',
  auth: 'none',
  summary: 'Says whether the server answers and its database can be written.',
  spec: 'docs/operations.md#health',
  async handle({ store }) {
    const ready = await isReady(store)
    return {
      status: ready ? 200 : 503,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
      body: ready ? 'OK' : 'The database does not answer',
    }
  },
})
