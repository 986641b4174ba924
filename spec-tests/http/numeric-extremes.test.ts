import assert from 'node:assert/strict'
import { allEndpoints } from '#api/index.ts'
import type { Endpoint } from '#http/endpoint.ts'
import { startTestServer } from '../support/server/server.ts'

const extremes = ['0', '-1', '2147483648', '9007199254740991', '9007199254740992', '-9007199254740993', '1e309']

/** Query parameters that are numbers, with what else the endpoint requires. */
const numericQueries = ({ query }: Endpoint) =>
  Object.entries(query?.properties ?? {})
    .filter(([, schema]) => schema.type === 'integer' || schema.type === 'number')
    .map(([name]) => name)

const samples: Record<string, string> = { user: '@alice:test', room: '!room:test', event: '$event' }

function samplePath(path: string): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const kind = Object.keys(samples).find((word) => name.toLowerCase().startsWith(word))
    return encodeURIComponent(samples[kind ?? ''] ?? 'sample')
  })
}

describe('T86 every number in a query', () => {
  it('may be extreme without an internal error or a hanging request', async () => {
    await using server = await startTestServer()
    const alice = allEndpoints().some(({ paths }) => paths.includes('/_matrix/client/v3/register'))
      ? await server.register('alice')
      : server.anonymous
    for (const endpoint of allEndpoints().filter(({ paths }) => !paths[0]?.endsWith('/sync')))
      for (const name of numericQueries(endpoint))
        for (const value of extremes) {
          const path = `${samplePath(endpoint.paths[0] ?? '')}?${name}=${value}`
          const { status } = await alice.request(endpoint.method, path)
          assert.ok(status < 500, `${endpoint.method} ${path} answered ${status}`)
        }
  })
})
