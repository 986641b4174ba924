import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { ArrivingBytes } from '#http/arriving-bytes.ts'
import { readJsonBody } from '#http/body.ts'
import { listen } from '#http/listener.ts'
import { echoBody } from '../support/server/echo.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'

const start = () => startTestServer({ endpoints: [echoBody] })
const post = (server: TestServer, body: unknown, headers = {}) =>
  server.anonymous.request('POST', '/echo/body', body, { headers })

const unlimited = new ArrivingBytes({ inAll: Infinity, perAddress: Infinity }).claim('')

describe('request bodies', () => {
  it('count as {} when empty', async () => {
    await using server = await start()
    const { status, body } = await server.anonymous.request('POST', '/echo/body')
    assert.deepEqual([status, body], [200, {}])
    assert.deepEqual((await post(server, '')).body, {})
  })

  it('are JSON whatever the content type says', async () => {
    await using server = await start()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream', 'nonsense'])
      assert.deepEqual((await post(server, '{"a":1}', { 'content-type': type })).body, { a: 1 }, type)
  })

  it('are refused as M_NOT_JSON when they are none, and as M_BAD_JSON when they are no object', async () => {
    await using server = await start()
    for (const text of ['{', 'hello', '{"a":}', '{a:1}', Buffer.from([0x7b, 0xff, 0x7d])]) {
      const { status, body } = await post(server, text)
      assert.deepEqual([status, body.errcode], [400, 'M_NOT_JSON'])
    }
    for (const text of ['[]', 'null', '1', '"text"', 'true']) {
      const { status, body } = await post(server, text)
      assert.deepEqual([status, body.errcode], [400, 'M_BAD_JSON'], text)
    }
  })

  it('T03 T04 are refused when they could not be kept exactly', async () => {
    await using server = await start()
    for (const value of ['9007199254740993', '1e400', '-1e400', '"\\ud800"', '1,"a":2']) {
      const { status, body } = await post(server, `{"a":${value}}`)
      assert.deepEqual([status, body.errcode], [400, 'M_BAD_JSON'], value)
    }
    for (const value of ['NaN', 'Infinity', '01'])
      assert.equal((await post(server, `{"a":${value}}`)).status, 400, value)
    assert.deepEqual((await post(server, '{"a":9007199254740991,"b":"\\u0000"}')).body, {
      a: 9007199254740991,
      b: '\u0000',
    })
  })

  it('T05 keep __proto__, constructor and toJSON as keys', async () => {
    await using server = await start()
    const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toJSON":"x"}'
    const reply = await fetch(`${server.url}/echo/body`, { method: 'POST', body: text })
    assert.equal(await reply.text(), text)
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
  })

  it('T06 are refused when nested 100,000 deep', async () => {
    await using server = await start()
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const { status, body } = await post(server, `{"a":${open.repeat(100_000)}1${close.repeat(100_000)}}`)
      assert.deepEqual([status, body.errcode], [400, 'M_BAD_JSON'])
    }
  })

  it('T11 are measured in bytes, at once when they announce their length', async () => {
    await using server = await startTestServer({ endpoints: [echoBody], settings: { limits: { body_bytes: 65_536 } } })
    const fits = { a: 'é'.repeat(32_764) }
    assert.equal(Buffer.byteLength(JSON.stringify(fits)), 65_536)
    assert.equal((await post(server, fits)).status, 200)
    const { status, body } = await post(server, { a: `${fits.a}x` })
    assert.deepEqual([status, body.errcode], [413, 'M_TOO_LARGE'])
  })

  it('T11 are refused while they arrive when they did not announce their length', async () => {
    await using server = await startTestServer({ endpoints: [echoBody], settings: { limits: { body_bytes: 65_536 } } })
    const chunks = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 20; n++) controller.enqueue(Buffer.alloc(10_000, ' '))
        controller.close()
      },
    })
    const reply = await fetch(`${server.url}/echo/body`, { method: 'POST', body: chunks, duplex: 'half' })
    assert.equal(reply.status, 413)
    assert.equal(((await reply.json()) as { errcode: string }).errcode, 'M_TOO_LARGE')
    assert.equal((await server.anonymous.request('POST', '/echo/body', {})).status, 200)
  })

  it('fail, and never wait, when the client is gone before or while they are read', async () => {
    for (const leaveFirst of [true, false]) {
      const outcome = Promise.withResolvers<unknown>()
      const listener = await listen(
        async (request) => {
          const gone = new Promise((resolve) => request.once('close', resolve))
          if (leaveFirst) {
            socket.destroy()
            await gone
          }
          const reading = readJsonBody(request, {
            bytes: 1000,
            depth: 10,
            values: 100,
            largeIntegers: false,
            timeoutMs: 60_000,
            claim: unlimited,
          })
          if (!leaveFirst) socket.destroy()
          outcome.resolve(await reading.catch((error: unknown) => error))
        },
        { host: '127.0.0.1', port: 0 },
      )
      const socket = connect(listener.port, '127.0.0.1')
      socket.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n{')
      assert.ok((await outcome.promise) instanceof Error)
      await listener.close()
    }
  })

  it('T62 are refused when compressed, unread', async () => {
    await using server = await start()
    const bomb = gzipSync(Buffer.alloc(100_000_000, ' '))
    for (const encoding of ['gzip', 'deflate', 'br', 'GZIP', 'gzip, identity']) {
      const { status, body } = await post(server, bomb, { 'content-encoding': encoding })
      assert.deepEqual([status, body.errcode], [415, 'M_UNKNOWN'], encoding)
    }
    assert.equal((await post(server, {}, { 'content-encoding': 'identity' })).status, 200)
  })

  it('T62 never come back compressed', async () => {
    await using server = await start()
    const { headers } = await post(server, { a: 'x'.repeat(100_000) }, { 'accept-encoding': 'gzip, br' })
    assert.equal(headers.get('content-encoding'), null)
  })
})
