import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { startTestServer } from '../support/server/server.ts'

describe('N45 the root page', () => {
  it('says in HTML what answers here, its version, and where to sign in', async () => {
    await using server = await startTestServer({ settings: { public_base_url: 'https://matrix.example.org/?a&b' } })
    const { status, headers, body } = await server.anonymous.request('GET', '/')

    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(body, /Myelin \d+\.\d+\.\d+/)
    assert.match(body, /<code>https:\/\/matrix\.example\.org\/\?a&amp;b<\/code>/)
    assert.match(body, /href="https:\/\/spec\.matrix\.org\/"/)
  })

  it('loads nothing, and allows its own style only', async () => {
    await using server = await startTestServer()
    const { headers, body } = await server.anonymous.request('GET', '/')
    const style = /<style>(.*)<\/style>/.exec(body)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    const policy = headers.get('content-security-policy') ?? ''

    assert.ok(policy.startsWith(`default-src 'none'; style-src 'sha256-${hash}'; `), policy)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(body, /<script|<img|<link|<iframe| src=|style="/)
  })

  it('is the only page: everything else that is unknown is JSON', async () => {
    await using server = await startTestServer()
    const { status, body, headers } = await server.anonymous.request('GET', '/index.html')

    assert.deepEqual([status, body.errcode], [404, 'M_UNRECOGNIZED'])
    assert.equal(headers.get('content-type'), 'application/json')
  })
})

describe('N24 the health of a server', () => {
  it('is that of its database', async () => {
    await using server = await startTestServer()
    const health = () => server.anonymous.request('GET', '/health')
    const healthy = await health()
    const { ping } = server.context.store
    let pings = 0
    const gone = Promise.withResolvers<void>()
    server.context.store.ping = () => (pings++, gone.promise)
    const asked = [health(), health(), health()]
    while (pings === 0) await new Promise((resolve) => setImmediate(resolve))
    gone.reject(new Error('gone'))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    server.context.store.ping = () => new Promise(() => {})
    const stuck = await health()
    server.context.store.ping = ping
    const again = await health()

    assert.deepEqual([healthy.status, healthy.body], [200, 'OK'])
    assert.deepEqual(statuses, [503, 503, 503])
    assert.deepEqual([stuck.status, again.status], [503, 200])
  })
})
