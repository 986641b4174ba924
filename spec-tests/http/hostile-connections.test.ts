import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { httpLimits, listen } from '#http/listener.ts'
import { echoEndpoints } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'

/** Everything the server says to raw bytes until it closes the connection. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  return text(socket)
}

const statuses = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
const host = 'Host: test\r\n'
const smuggled = `GET /echo/path/smuggled HTTP/1.1\r\n${host}Connection: close\r\n\r\n`

describe('T89 hostile connections', () => {
  it('get 400 when the length of a body is ambiguous, and nothing after it is served', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    for (const framing of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
      'Content-Length: 5\r\nContent-Length: 6\r\n',
      'Content-Length: +5\r\n',
      'Content-Length: 5, 5\r\n',
      'Content-Length: -1\r\n',
      'Transfer-Encoding: chunked, identity\r\n',
      'Transfer-Encoding: xchunked\r\n',
      'Transfer-Encoding : chunked\r\n',
      'X: y\rTransfer-Encoding: chunked\r\n',
      ' Content-Length: 5\r\n',
    ]) {
      const answer = await exchange(
        server.port,
        `POST /echo/body HTTP/1.1\r\n${host}${framing}\r\n0\r\n\r\n${smuggled}`,
      )
      assert.deepEqual(statuses(answer), [400], JSON.stringify(framing))
      assert.match(answer, /"errcode":"M_UNKNOWN"/)
      assert.match(answer, /access-control-allow-origin: \*/)
      assert.doesNotMatch(answer, /smuggled/)
    }
  })

  it('get 400 for chunks that are no chunks', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    const forwardExtremity = `POST /echo/body HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`
    for (const chunks of ['xyz\r\n{}\r\n0\r\n\r\n', '2\n{}\n0\n\n', '-2\r\n{}\r\n', '2\r\n{}xx0\r\n\r\n']) {
      const answer = await exchange(server.port, forwardExtremity + chunks + smuggled)
      assert.deepEqual(statuses(answer), [400], JSON.stringify(chunks))
    }
  })

  it('get 431 for oversized headers and request lines', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    const large = 'x'.repeat(httpLimits.maxHeaderSize)
    const line = await exchange(server.port, `GET /echo/path/${large} HTTP/1.1\r\n${host}\r\n`)
    const header = await exchange(server.port, `GET /echo/path/a HTTP/1.1\r\n${host}X: ${large}\r\n\r\n`)
    assert.deepEqual([statuses(line), statuses(header)], [[431], [431]])
  })

  it('get 400 for what is no HTTP/1.1', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01',
      'GET\r\n\r\n',
      'NONSENSE / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
    ])
      assert.deepEqual(statuses(await exchange(server.port, bytes)), [400], JSON.stringify(bytes))
  })

  it('are answered in order when they pipeline', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    const first = `GET /echo/path/one HTTP/1.1\r\n${host}\r\n`
    const answer = await exchange(server.port, first + smuggled)
    assert.deepEqual(statuses(answer), [200, 200])
    assert.ok(answer.indexOf('one') < answer.indexOf('smuggled'))
  })

  it('reach the same endpoints with absolute-form URIs as without', async () => {
    await using server = await startTestServer({ endpoints: echoEndpoints })
    const get = (url: string) => exchange(server.port, `GET ${url} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    assert.deepEqual(statuses(await get('http://elsewhere/echo/path/x')), [200])
    assert.deepEqual(statuses(await get('http://elsewhere/nowhere')), [404])
  })

  it('are cut off when their headers or their body do not arrive', async () => {
    const limits = { headersTimeout: 20, requestTimeout: 40, connectionsCheckingInterval: 10 }
    const listener = await listen((request, response) => void request.resume().on('end', () => response.end()), {
      host: '127.0.0.1',
      port: 0,
      limits,
    })
    const slowHeaders = await exchange(listener.port, `GET / HTTP/1.1\r\n${host}`)
    const slowBody = await exchange(listener.port, `POST / HTTP/1.1\r\n${host}Content-Length: 9\r\n\r\n{`)
    assert.deepEqual([statuses(slowHeaders), statuses(slowBody)], [[408], [408]])
    await listener.close()
  })

  it('are cut off early enough, long polls never', () => {
    assert.ok(httpLimits.headersTimeout <= 30_000)
    assert.ok(httpLimits.requestTimeout <= 600_000)
    assert.ok(!('timeout' in httpLimits))
  })
})
