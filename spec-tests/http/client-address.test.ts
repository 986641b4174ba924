import assert from 'node:assert/strict'
import { echoAddress } from '../support/server/echo.ts'
import { failuresOnly, startTestServer } from '../support/server/server.ts'

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

  it('N31 is found in entries with ports too', async () => {
    assert.equal(await addressSeen(['127.0.0.1'], '203.0.113.9:51234'), '203.0.113.9')
    assert.equal(await addressSeen(['127.0.0.1'], '[2001:db8::1]:51234'), '2001:db8::1')
    assert.equal(await addressSeen(['127.0.0.1'], '[2001:db8::1]'), '2001:db8::1')
    assert.equal(await addressSeen(['127.0.0.1', '10.0.0.0/8'], '203.0.113.9:1, 10.1.2.3:65535'), '203.0.113.9')
    for (const nonsense of ['203.0.113.9:', '203.0.113.9:x', '[203.0.113.9', '2001:db8::1]:1', '[]:1', ':443'])
      assert.equal(await addressSeen(['127.0.0.1'], nonsense), '127.0.0.1', nonsense)
  })

  it('N37 is warned of once, with the setting, when a proxy is not trusted', async () => {
    const warnings: unknown[] = []
    const warn = (message: string, fields?: object) => void warnings.push({ message, ...fields })
    const ask = async (trustedProxies: string[], headers: Record<string, string>) => {
      await using server = await startTestServer({
        endpoints: [echoAddress],
        log: { ...failuresOnly, warn },
        settings: { listen: { port: 0, trusted_proxies: trustedProxies } },
      })
      for (let n = 0; n < 3; n++) await server.anonymous.request('GET', '/echo/address', undefined, { headers })
    }
    await ask([], {})
    await ask(['127.0.0.1'], { 'x-forwarded-for': '203.0.113.9' })
    const before = [...warnings]
    await ask([], { 'x-forwarded-for': '203.0.113.9' })
    await ask(['10.0.0.0/8'], { 'x-forwarded-for': '203.0.113.9' })

    const message = 'X-Forwarded-For is ignored: if its sender is your reverse proxy, name it in listen.trusted_proxies'
    assert.deepEqual(before, [])
    assert.deepEqual(warnings, Array(2).fill({ message, peer: '127.0.0.1' }))
  })

  it('is the proxy when the header is missing or nonsense', async () => {
    assert.equal(await addressSeen(['127.0.0.1']), '127.0.0.1')
    for (const nonsense of ['', 'unknown', ',,,', '<script>', '999.1.1.1', 'a, b'])
      assert.equal(await addressSeen(['127.0.0.1'], nonsense), '127.0.0.1', nonsense)
  })
})
