import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'

/** More than the kernel takes for a client that does not read. */
const largeBytes = 20_000_000
const largeText = JSON.stringify({ a: 'x'.repeat(largeBytes) })

const large = endpoint({
  method: 'GET',
  path: '/large',
  auth: 'none',
  reply: Type.Object({ a: Type.String() }),
  summary: 'Answers much.',
  spec: 'spec-tests/http',
  handle: async () => new JsonText(largeText),
})

const start = (limits = {}) => startTestServer({ endpoints: [large], checkReplies: false, settings: { limits } })

async function numberIn({ context }: TestServer, name: string): Promise<number> {
  const { text } = await context.metrics.render()
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? 0)
}
const unsent = (server: TestServer) => numberIn(server, 'myelin_unsent_answer_bytes')
const cut = (server: TestServer) => numberIn(server, 'myelin_connections_cut_total')

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}

/** Asks, and never reads an answer. */
function askWithoutReading(server: TestServer, times = 1): Socket {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET /large HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(times))
  return socket
}

describe('N22 answers that clients do not read', () => {
  it('are bounded for one address: the oldest connections are ended', async () => {
    await using server = await start({ unsent_bytes_per_address: 50_000_000 })
    const sockets: Socket[] = []
    for (let n = 0; n < 6; n++) sockets.push(askWithoutReading(server))
    await until(async () => (await cut(server)) === 4)
    const left = await unsent(server)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await unsent(server)) === 0)

    assert.equal(left, 2 * largeText.length)
  })

  it('are bounded in all', async () => {
    await using server = await start({ unsent_bytes: 50_000_000 })
    const sockets: Socket[] = []
    for (let n = 0; n < 4; n++) sockets.push(askWithoutReading(server))
    await until(async () => (await cut(server)) === 2)
    const left = await unsent(server)
    for (const socket of sockets) socket.destroy()

    assert.equal(left, 2 * largeText.length)
  })

  it('are bounded in one connection that asks many times', async () => {
    await using server = await start({ unsent_bytes_per_connection: 50_000_000 })
    const socket = askWithoutReading(server, 5)
    await until(async () => (await cut(server)) === 1)
    await until(async () => (await unsent(server)) === 0)
    socket.destroy()
  })

  it('end their connection when nothing of them is taken for a while', async () => {
    await using server = await start({ unsent_timeout_ms: 200 })
    const socket = askWithoutReading(server)
    await until(async () => (await cut(server)) === 1)
    const left = await unsent(server)
    socket.destroy()

    assert.equal(left, 0)
  })

  it('arrive whole, however slowly they are read', async () => {
    await using server = await start({ unsent_timeout_ms: 2000 })
    const socket = askWithoutReading(server)
    let received = 0
    while (received < largeText.length && !socket.destroyed) {
      await sleep(20)
      for (let chunk: Buffer | null = socket.read(); chunk; chunk = socket.read()) received += chunk.length
    }
    const cuts = await cut(server)
    socket.destroy()

    assert.equal(cuts, 0)
  })

  it('of one request are sent whole, even when they alone exceed the bounds', async () => {
    await using server = await start({
      unsent_bytes: 65_536,
      unsent_bytes_per_address: 65_536,
      unsent_bytes_per_connection: 65_536,
    })
    const { status, body } = await server.anonymous.request('GET', '/large')

    assert.equal(status, 200)
    assert.equal(body.a.length, largeBytes)
  })
})

describe('N22 connections', () => {
  it('are bounded for one address and in all, proxies aside', async () => {
    for (const settings of [
      { limits: { connections: 16 } },
      { limits: { connections_per_address: 16 } },
      { limits: { connections: 16, connections_per_address: 8 }, listen: { port: 0, trusted_proxies: ['127.0.0.1'] } },
    ]) {
      await using server = await startTestServer({ settings })
      const sockets = Array.from({ length: 17 }, () => connect(server.port, '127.0.0.1').on('error', () => {}))
      await until(async () => (await cut(server)) === 1)
      const connected = await numberIn(server, 'myelin_connections')
      for (const socket of sockets) socket.destroy()
      await until(async () => (await numberIn(server, 'myelin_connections')) === 0)
      const { status } = await server.anonymous.request('GET', '/_matrix/client/versions')

      assert.deepEqual([connected, status], [16, 200])
    }
  })
})
