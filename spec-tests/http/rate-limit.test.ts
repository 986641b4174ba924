import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { loadConfig } from '#base/config/load.ts'
import { RateBuckets, type BucketName } from '#base/rate-bucket.ts'
import { endpoint } from '#http/endpoint.ts'
import { addressKey } from '#http/rate-limit.ts'
import { fakeClock } from '../support/server/clock.ts'
import { startTestServer } from '../support/server/server.ts'

const knock = (path: string, limit?: BucketName) =>
  endpoint({
    method: 'GET',
    path,
    auth: 'none',
    ...(limit !== undefined && { limit }),
    reply: Type.Object({}),
    summary: 'Does nothing.',
    spec: 'spec-tests/http',
    handle: async () => ({}),
  })

const limits = { enabled: true, login: { per_second: 0.5, burst: 2 }, default: { per_second: 1, burst: 3 } }
const start = (rate_limits: object) =>
  startTestServer({
    endpoints: [knock('/knock/login', 'login'), knock('/knock')],
    settings: { rate_limits, listen: { port: 0, trusted_proxies: ['127.0.0.1'] } },
  })

describe('rate limits', () => {
  it('refuse more than the burst, say how long to wait in both ways, and let go after that time', async () => {
    await using server = await start(limits)
    const knockOnce = () => server.anonymous.request('GET', '/knock/login')
    assert.deepEqual([(await knockOnce()).status, (await knockOnce()).status], [200, 200])
    await server.clock.advance(500)
    const refused = await knockOnce()
    assert.equal(refused.status, 429)
    assert.equal(refused.body.errcode, 'M_LIMIT_EXCEEDED')
    assert.equal(refused.body.retry_after_ms, 1500)
    assert.equal(refused.headers.get('retry-after'), '2')
    await server.clock.advance(1499)
    assert.equal((await knockOnce()).status, 429)
    await server.clock.advance(1)
    assert.equal((await knockOnce()).status, 200)
    assert.equal((await knockOnce()).status, 429)
  })

  it('are apart for each bucket and each address', async () => {
    await using server = await start(limits)
    const statuses = async (path: string, from: string) => {
      const options = { headers: { 'x-forwarded-for': from } }
      const replies = [1, 2, 3, 4].map(() => server.anonymous.request('GET', path, undefined, options))
      return (await Promise.all(replies)).map(({ status }) => status).sort()
    }
    assert.deepEqual(await statuses('/knock/login', '192.0.2.1'), [200, 200, 429, 429])
    assert.deepEqual(await statuses('/knock', '192.0.2.1'), [200, 200, 200, 429])
    assert.deepEqual(await statuses('/knock/login', '192.0.2.2'), [200, 200, 429, 429])
    assert.deepEqual(await statuses('/knock/login', '2001:db8::1'), [200, 200, 429, 429])
    assert.deepEqual(await statuses('/knock/login', '2001:db8::2:1'), [429, 429, 429, 429])
    assert.deepEqual(await statuses('/knock/login', '2001:db8:0:1::1'), [200, 200, 429, 429])
  })

  it('can be switched off', async () => {
    await using server = await start({ ...limits, enabled: false })
    for (let n = 0; n < 10; n++) assert.equal((await server.anonymous.request('GET', '/knock/login')).status, 200)
  })

  it('count a whole IPv6 network of 64 bits as one address', () => {
    assert.equal(addressKey('192.0.2.1'), '192.0.2.1')
    assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
    assert.equal(addressKey('2001:db8::1'), '2001:db8:0:0')
    assert.equal(addressKey('::1'), '0:0:0:0')
    assert.equal(addressKey('::'), '0:0:0:0')
  })

  it('remember a bounded number of keys', () => {
    const buckets = new RateBuckets(loadConfig().rate_limits, fakeClock(), 100)
    for (let n = 0; n < 1000; n++) buckets.spend('login', `192.0.2.${n}`)
    assert.equal(buckets.size, 100)
  })
})
