import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { allEndpoints } from '#api/index.ts'
import { endpoint, type Endpoint } from '#http/endpoint.ts'
import { authorizationHeader } from '#protocol/request-signature.ts'
import { fakeNetwork } from '../../support/outgoing/fake-network.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { startTestServer } from '../../support/server/server.ts'

const hosts = [
  '127.0.0.1',
  '10.0.0.1:8008',
  '169.254.169.254:80',
  '[::1]',
  '[::ffff:127.0.0.1]:443',
  '[fd00::1]:1',
  'inner.test',
  'inner.test:22',
  'service.test',
  '2130706433',
  '0x7f000001',
]
/** What a parameter of this name is, where it names a server. */
const withServer: Record<string, (host: string) => string> = {
  serverName: (host) => host,
  server: (host) => host,
  server_name: (host) => host,
  via: (host) => host,
  origin: (host) => host,
  userId: (host) => `@x:${host}`,
  user_id: (host) => `@x:${host}`,
  roomAlias: (host) => `#x:${host}`,
  alias: (host) => `#x:${host}`,
  room_alias: (host) => `#x:${host}`,
  roomIdOrAlias: (host) => `#x:${host}`,
  roomId: (host) => `!x:${host}`,
}

/** A request that names the host wherever the endpoint takes a server name; undefined where it takes none. */
function requestNaming(host: string, { method, paths, query }: Endpoint): { method: string; uri: string } | undefined {
  let isNamed = false
  const fill = (name: string) => {
    const write = withServer[name]
    if (write) isNamed = true
    return encodeURIComponent(write ? write(host) : 'x')
  }
  const path = paths[0]!.replaceAll(/:(\w+)/g, (_whole, name: string) => fill(name))
  const named = Object.keys(query?.properties ?? {}).filter((name) => withServer[name] !== undefined)
  const parameters = named.map((name) => `${name}=${fill(name)}`)
  return isNamed
    ? { method, uri: [path, ...(parameters.length > 0 ? [parameters.join('&')] : [])].join('?') }
    : undefined
}

const forServers = endpoint({
  method: 'GET',
  path: '/_test/for-servers',
  auth: 'server',
  reply: Type.Object({}),
  summary: 'Is for servers.',
  spec: 'docs/limits.md',
  handle: async () => ({}),
})

describe('private networks', () => {
  const start = async () => {
    const network = fakeNetwork()
    network.addresses.set('inner.test', ['10.0.0.1', '::1'])
    network.addresses.set('public.test', ['1.2.3.4'])
    network.services.set('_matrix-fed._tcp.service.test', [{ name: 'inner.test', port: 80, priority: 1, weight: 1 }])
    network.addresses.set('service.test', ['127.0.0.1'])
    const server = await startTestServer({ network, endpoints: [forServers] })
    return { network, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  }

  it('T52 are reached by no endpoint that takes the name of a server', async () => {
    await using both = await start()
    const { server, network } = both
    const alice = await server.register('alice')
    const endpoints = allEndpoints().filter((each) => requestNaming('x', each) !== undefined)
    assert.ok(endpoints.length > 50)
    for (const host of hosts) {
      for (const each of endpoints) {
        const { method, uri } = requestNaming(host, each)!
        const { status } = await alice.request(method, uri, method === 'GET' ? undefined : {})
        assert.ok(status < 500 || status === 502, `${method} ${uri} ${status}`)
      }
      const body = { server_keys: { [host]: {} } }
      assert.equal((await server.anonymous.request('POST', '/_matrix/key/v2/query', body)).status, 200)
    }
    assert.deepEqual(network.dialed, [])
    assert.ok(network.asked.includes('4 inner.test'), 'and were looked for')
  }).timeout(120_000)

  it('T52 are not reached to verify who sends a request', async () => {
    await using both = await start()
    const { server, network } = both
    const uri = '/_test/for-servers'
    for (const origin of hosts) {
      const header = authorizationHeader({ method: 'GET', uri, origin, destination: 'test' }, keyOf(origin))
      const { status } = await server.anonymous.request('GET', uri, undefined, { headers: { authorization: header } })
      assert.equal(status, 401, origin)
    }
    assert.deepEqual(network.dialed, [])
    assert.ok(network.asked.includes('4 inner.test'))
  })

  it('T52 are what the test would see: a public place is connected to', async () => {
    await using both = await start()
    await both.server.anonymous.request('GET', '/_matrix/key/v2/query/public.test')
    assert.ok(both.network.dialed.includes('1.2.3.4 8448'))
  })
})
