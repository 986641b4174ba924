import assert from 'node:assert/strict'
import { echoEndpoints } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'

const start = () => startTestServer({ endpoints: echoEndpoints })

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
}

describe('routing', () => {
  it('answers 404 M_UNRECOGNIZED on an unknown path and 405 on a method that a path does not have', async () => {
    await using server = await start()
    const unknown = await server.anonymous.request('GET', '/_matrix/client/v3/nothing')
    const wrongMethod = await server.anonymous.request('DELETE', '/echo/body')
    const unknownMethod = await server.anonymous.request('PATCH', '/echo/body')
    const both = await server.anonymous.request('PATCH', '/nowhere')

    assert.deepEqual([unknown.status, unknown.body.errcode], [404, 'M_UNRECOGNIZED'])
    assert.deepEqual([wrongMethod.status, wrongMethod.body.errcode], [405, 'M_UNRECOGNIZED'])
    assert.equal(wrongMethod.headers.get('allow'), 'POST, OPTIONS')
    assert.deepEqual([unknownMethod.status, unknownMethod.body.errcode], [405, 'M_UNRECOGNIZED'])
    assert.equal(both.status, 404)
  })

  it('sends the CORS headers of the specification with every answer', async () => {
    await using server = await start()
    for (const [method, path, status] of [
      ['GET', '/echo/path/x', 200],
      ['GET', '/nowhere', 404],
      ['GET', '/echo/body', 405],
      ['GET', '/echo/path/%zz', 400],
      ['GET', '/echo/query?limit=x', 400],
      ['GET', '/health', 200],
      ['OPTIONS', '/echo/body', 204],
      ['OPTIONS', '/nowhere', 204],
    ] as const) {
      const reply = await server.anonymous.request(method, path)
      assert.equal(reply.status, status, path)
      for (const [name, value] of Object.entries(cors)) assert.equal(reply.headers.get(name), value, `${path} ${name}`)
    }
  })

  it('N41 answers preflights at once, for a day, without counting them', async () => {
    const settings = { rate_limits: { enabled: true, default: { per_second: 0.001, burst: 1 } } }
    await using server = await startTestServer({ endpoints: echoEndpoints, settings })
    const preflight = () => server.anonymous.request('OPTIONS', '/_matrix/client/v3/sync')
    const replies = [await preflight(), await preflight(), await preflight()]
    const other = await server.anonymous.request('GET', '/echo/path/x')
    const { text } = await server.context.metrics.render()

    for (const { status, headers } of replies) {
      assert.deepEqual([status, headers.get('access-control-max-age')], [204, '86400'])
      for (const [name, value] of Object.entries(cors)) assert.equal(headers.get(name), value, name)
    }
    assert.deepEqual([other.status, other.headers.get('access-control-max-age')], [200, null])
    assert.doesNotMatch(text, /method="OPTIONS"/)
  })

  it('decodes path parameters exactly once, slashes included', async () => {
    await using server = await start()
    for (const text of ['a/b', 'a%2Fb', '#room:test', '!room:test', '😀 ü', 'a+b', '100%', '__proto__', 'a?b#c;d=e']) {
      const { status, body } = await server.anonymous.request('GET', `/echo/path/${encodeURIComponent(text)}/part/x`)
      assert.equal(status, 200)
      assert.deepEqual(body, { first: text, second: 'x' })
    }
  })

  it('accepts reserved characters that clients leave unencoded', async () => {
    await using server = await start()
    const { body } = await server.anonymous.request('GET', '/echo/path/!room:test/part/$event+id@x')
    assert.deepEqual(body, { first: '!room:test', second: '$event+id@x' })
  })

  it('answers 400 M_INVALID_PARAM to malformed percent-encoding and to U+0000', async () => {
    await using server = await start()
    for (const path of [
      '/echo/path/%',
      '/echo/path/%zz',
      '/echo/path/%C3%28',
      '/echo/path/%ED%A0%80',
      '/echo/path/a%00b',
    ]) {
      const { status, body } = await server.anonymous.request('GET', path)
      assert.deepEqual([status, body.errcode], [400, 'M_INVALID_PARAM'], path)
    }
    assert.equal((await server.anonymous.request('GET', '/echo/query?filter=%00')).status, 400)
    assert.equal((await server.anonymous.request('GET', '/echo/path/a%2500b')).body.first, 'a%00b')
  })

  it('allows a trailing slash only where it is declared, and no empty parameter', async () => {
    await using server = await start()
    const statusOf = async (path: string) => (await server.anonymous.request('GET', path)).status
    assert.equal(await statusOf('/echo/slash/x/'), 200)
    assert.equal(await statusOf('/echo/slash/x'), 404)
    assert.equal(await statusOf('/echo/path/x/'), 404)
    assert.equal(await statusOf('/echo/path/'), 404)
    assert.equal(await statusOf('/echo/path//part/x'), 404)
  })

  it('accepts parameters of several thousand characters', async () => {
    await using server = await start()
    const first = 'é'.repeat(3000)
    const { status, body } = await server.anonymous.request('GET', `/echo/path/${encodeURIComponent(first)}`)
    assert.equal(status, 200)
    assert.equal(body.first, first)
  })

  it('answers HEAD like GET, without the body', async () => {
    await using server = await start()
    const { status, body, headers } = await server.anonymous.request('HEAD', '/echo/path/x')
    assert.equal(status, 200)
    assert.equal(body, '')
    assert.equal(headers.get('content-type'), 'application/json')
  })

  it('names every answer by a request id of its own', async () => {
    await using server = await start()
    const ids = await Promise.all(
      ['/echo/path/x', '/nowhere'].map(async (path) =>
        (await server.anonymous.request('GET', path)).headers.get('x-request-id'),
      ),
    )
    assert.ok(ids.every(Boolean))
    assert.equal(new Set(ids).size, 2)
  })
})
