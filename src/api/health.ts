import { streamEndpoint } from '#http/stream-endpoint.ts'

/** For load balancers and container checks that reach the public port only. */
export const getHealth = streamEndpoint({
  method: 'GET',
  path: '/health',
  auth: 'none',
  summary: 'Says that the server answers.',
  spec: 'docs/operations.md#health',
  async handle() {
    return { headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'OK' }
  },
})
