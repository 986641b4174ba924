import assert from 'node:assert/strict'
import { echoAddress } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'

async function addressSeen(trustedProxies: string[], forwardedFor?: string): Promise<string> {
  await using server = await startTestServer({
    endpoints: [echoAddress],
    settings: { listen: { port: 0, trusted_proxies: trustedProxies } },
  })
  const headers: Record<string, string> = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
  const { status, body } = await server.anonymous.request('GET', '/echo/address', undefined, { headers })
  assert.equal(status, 200)
  return body.ip
}

describe('T74 the address of a client', () => {
  it('is the peer, whatever X-Forwarded-For says, unless the peer is a trusted proxy', async () => {
    assert.equal(await addressSeen([], '203.0.113.9'), '127.0.0.1')
    assert.equal(await addressSeen(['10.0.0.0/8'], '203.0.113.9'), '127.0.0.1')
  })

  it('is what the nearest trusted proxy saw', async () => {
    assert.equal(await addressSeen(['127.0.0.1'], '203.0.113.9'), '203.0.113.9')
    assert.equal(await addressSeen(['127.0.0.0/8'], '2001:db8::1'), '2001:db8::1')
  })

  it('is not what the client wrote in front of it', async () => {
    assert.equal(await addressSeen(['127.0.0.1'], '198.51.100.1, 203.0.113.9'), '203.0.113.9')
  })

  it('is found through several trusted proxies', async () => {
    assert.equal(await addressSeen(['127.0.0.1', '10.0.0.0/8'], '1.1.1.1, 203.0.113.9, 10.1.2.3'), '203.0.113.9')
    assert.equal(await addressSeen(['127.0.0.1', '10.0.0.0/8'], '10.9.9.9,10.1.2.3'), '10.9.9.9')
  })

  it('is the proxy when the header is missing or nonsense', async () => {
    assert.equal(await addressSeen(['127.0.0.1']), '127.0.0.1')
    for (const nonsense of ['', 'unknown', ',,,', '<script>', '999.1.1.1', 'a, b'])
      assert.equal(await addressSeen(['127.0.0.1'], nonsense), '127.0.0.1', nonsense)
  })
})
