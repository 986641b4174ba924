import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { collectGarbage } from '#base/collect-garbage.ts'
import { echoBody } from '../support/server/echo.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'

const start = (limits = {}) => startTestServer({ endpoints: [echoBody], settings: { limits } })
const chunked = 'POST /echo/body HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n'
const oneByte = '1\r\n \r\n'

/** A number of the metrics, whatever its labels. */
async function gauge({ context }: TestServer, name: string): Promise<number> {
  const { text: all } = await context.metrics.render()
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(all)?.[1])
}

const arriving = (server: TestServer) => gauge(server, 'myelin_arriving_body_bytes')

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}

function open(server: TestServer, ...bytes: string[]): Socket {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  for (const each of bytes) socket.write(each)
  return socket
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

async function usedMemory(): Promise<number> {
  await collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('N16 bodies that arrive in small pieces', () => {
  it('take memory as their bytes do, not as their chunks do', async () => {
    await using server = await start()
    const [connections, bytes] = [2, 60_000]
    const before = await usedMemory()
    const sockets: Socket[] = []
    for (let n = 0; n < connections; n++) sockets.push(open(server, chunked, oneByte.repeat(bytes)))
    await until(async () => (await arriving(server)) >= connections * bytes)
    // What the test itself sent.
    await until(async () => sockets.every(({ writableLength }) => writableLength === 0))
    const grown = (await usedMemory()) - before
    const counted = await arriving(server)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await arriving(server)) === 0)

    assert.ok(counted <= connections * 2 * bytes, `${counted} bytes counted`)
    // A buffer for each chunk took 180 bytes for each byte.
    assert.ok(grown < connections * 4 * bytes + 5_000_000, `${grown} bytes grown`)
  })

  it('are put together in order', async () => {
    await using server = await start()
    const body = JSON.stringify({ text: 'é'.repeat(20_000), more: [1, 2, 3] })
    const chunks = [...Buffer.from(body)].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10]))
    const socket = open(server)
    socket.write(chunked.replace('Host', 'Connection: close\r\nHost'))
    socket.write(Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]))
    const answer = await text(socket)

    assert.equal(statusOf(answer), 200)
    assert.ok(answer.endsWith(body))
  })

  it('are refused with 429 when one address holds too much, and everything is given back', async () => {
    await using server = await start({ arriving_bytes_per_address: 65_536 })
    const first = open(server, chunked, oneByte.repeat(40_000))
    await until(async () => (await arriving(server)) === 65_536)
    const answer = await text(open(server, chunked, '2\r\n{ \r\n'))
    first.destroy()
    await until(async () => (await arriving(server)) === 0)
    const after = await server.anonymous.request('POST', '/echo/body', { a: 1 })

    assert.equal(statusOf(answer), 429)
    assert.match(answer, /"errcode":"M_LIMIT_EXCEEDED"/)
    assert.match(answer, /^connection: close/im)
    assert.equal(after.status, 200)
  })

  it('are refused with 503 when all hold too much', async () => {
    await using server = await start({ arriving_bytes: 65_536 })
    const first = open(server, chunked, oneByte.repeat(40_000))
    await until(async () => (await arriving(server)) === 65_536)
    const answer = await text(open(server, chunked, '2\r\n{ \r\n'))
    first.destroy()

    assert.equal(statusOf(answer), 503)
    assert.match(answer, /"errcode":"M_LIMIT_EXCEEDED"/)
    assert.match(answer, /^connection: close/im)
  })

  it('are refused with 408 when they do not arrive, announced or not', async () => {
    await using server = await start({ body_timeout_ms: 100 })
    const announced = 'POST /echo/body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n'
    for (const bytes of [chunked, chunked + oneByte, announced, `${announced}{`]) {
      const answer = await text(open(server, bytes))
      assert.equal(statusOf(answer), 408)
      assert.match(answer, /"errcode":"M_UNKNOWN"/)
      assert.match(answer, /^connection: close/im)
    }
    assert.equal(await arriving(server), 0)
  })

  it('are not kept for a request that has no use for a body', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const first = await alice.request('GET', '/_matrix/client/v3/sync')
    const before = await usedMemory()
    const poll = chunked
      .replace('POST /echo/body', `GET /_matrix/client/v3/sync?timeout=60000&since=${first.body.next_batch}`)
      .replace('Host', `Authorization: Bearer ${alice.accessToken}\r\nHost`)
    const socket = open(server, poll, oneByte.repeat(50_000))
    await server.clock.waiting()
    await until(async () => socket.writableLength === 0)
    const grown = (await usedMemory()) - before
    socket.destroy()

    assert.ok(grown < 3_000_000, `${grown} bytes grown`)
  })
})
