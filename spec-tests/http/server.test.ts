import assert from 'node:assert/strict'
import { presenceChanged } from '#bus/topics.ts'
import { createServer } from 'node:net'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from '@sinclair/typebox'
import { loadConfig } from '#base/config/load.ts'
import { endpoint } from '#http/endpoint.ts'
import { openStore } from '#store/open.ts'
import { createTestDatabase } from '../support/server/databases.ts'
import { echoEndpoints } from '../support/server/echo.ts'
import { failuresOnly, startTestServer, testSettings } from '../support/server/server.ts'
import { startServer } from '../../src/server.ts'

const wait = endpoint({
  method: 'GET',
  path: '/wait',
  auth: 'none',
  reply: Type.Object({ ended: Type.String() }),
  summary: 'A long poll.',
  spec: 'spec-tests/http',
  async handle(ctx, received) {
    const signal = received.signal()
    const ticket = ctx.waiters.register({ keys: ['@alice:test'] })
    await Promise.race([ticket.woken, ctx.clock.sleep(30_000, signal)])
    ticket.release()
    return { ended: signal.aborted ? 'by the server' : 'by news or time' }
  },
})

describe('a server', () => {
  it('makes its signing key once, for itself alone to read', async () => {
    const { url, folder, remove } = await createTestDatabase()
    const config = loadConfig({
      settings: {
        server_name: 'test',
        data_dir: folder,
        listen: { port: 0 },
        database: { url },
        logging: { level: 'silent' },
      },
    })
    const first = await startServer(config)
    await first.close()
    const file = join(folder, 'signing.key')
    const text = await readFile(file, 'utf8')
    const second = await startServer(config)
    await second.close()
    assert.match(text, /^ed25519 a_\w{4} [A-Za-z0-9+/]{43}\n$/)
    assert.equal(await readFile(file, 'utf8'), text)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.equal(first.context.signingKey.keyId, second.context.signingKey.keyId)
    await remove()
  })

  it('keeps its data folder and its database from other users of the machine', async () => {
    const { folder, remove } = await createTestDatabase()
    const data = join(folder, 'data')
    const settings = { server_name: 'test', data_dir: data, listen: { port: 0 }, logging: { level: 'silent' } }
    const server = await startServer(loadConfig({ settings }))
    const modes = []
    for (const file of ['.', 'myelin.db', 'myelin.db-wal', 'signing.key'])
      modes.push((await stat(join(data, file))).mode & 0o777)
    await server.close()
    await remove()

    assert.deepEqual(modes, [0o700, 0o600, 0o600, 0o600])
  })

  it('shares nothing with another in the same process', async () => {
    await using one = await startTestServer({ endpoints: echoEndpoints })
    await using two = await startTestServer({ settings: { metrics: { port: 0 } } })
    assert.equal((await one.anonymous.request('GET', '/echo/path/x')).status, 200)
    assert.equal((await two.anonymous.request('GET', '/echo/path/x')).status, 404)
    assert.notEqual(one.context.signingKey.keyId, two.context.signingKey.keyId)

    await one.clock.advance(1000)
    assert.equal(one.context.clock.now() - two.context.clock.now(), 1000)
    const ticket = two.context.waiters.register({ keys: ['@alice:test'] })
    one.context.bus.publish(presenceChanged, { userIds: ['@alice:test'] })
    const woken = await Promise.race([ticket.woken.then(() => true), new Promise((resolve) => setImmediate(resolve))])
    assert.equal(woken, undefined)
    const metrics = await (await fetch(`${two.metricsUrl}/metrics`)).text()
    assert.doesNotMatch(metrics, /echo/)

    await one.close()
    assert.equal((await two.anonymous.request('GET', '/health')).status, 200)
  })

  it('wakes long polls by the bus', async () => {
    await using server = await startTestServer({ endpoints: [wait] })
    const poll = server.anonymous.request('GET', '/wait')
    await server.clock.waiting()
    server.context.bus.publish(presenceChanged, { userIds: ['@bob:test', '@alice:test'] })
    assert.deepEqual((await poll).body, { ended: 'by news or time' })
    assert.equal(server.context.waiters.size, 0)
  })

  it('answers long polls when it stops, and then no longer listens', async () => {
    await using server = await startTestServer({ endpoints: [wait] })
    const poll = server.anonymous.request('GET', '/wait')
    await server.clock.waiting()
    await Promise.all([server.close(), server.close()])
    const { status, body, headers } = await poll
    assert.deepEqual([status, body], [200, { ended: 'by the server' }])
    assert.equal(headers.get('connection'), 'close')
    await assert.rejects(server.anonymous.request('GET', '/health'))
  })

  it('tells on its own port how it is, and on the public one only that it is', async () => {
    await using server = await startTestServer({ settings: { metrics: { port: 0 } } })
    const status = async (url: string) => (await fetch(url)).status
    for (const path of ['/health', '/health/live', '/health/ready', '/metrics'])
      assert.equal(await status(server.metricsUrl + path), 200, path)
    assert.equal(await status(`${server.url}/health`), 200)
    assert.equal(await status(`${server.url}/metrics`), 404)
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.match(metrics, /myelin_request_duration_seconds_count\{[^}]*path="\/health"[^}]*\} 1/)
    assert.match(metrics, /path="unmatched",status="404"/)
  })

  it('lets go of its database when its endpoints contradict each other', async () => {
    const database = await createTestDatabase()
    const store = await openStore({ url: database.url, poolSize: 1, now: () => 0 })
    let closed = 0
    const close = () => (closed++, store.close())
    const config = loadConfig({ settings: testSettings(database) })
    const starting = startServer(config, { log: failuresOnly, store: { ...store, close }, endpoints: [wait, wait] })
    await assert.rejects(starting)
    await database.remove()

    assert.equal(closed, 1)
  })

  it('lets go of its database when the port is taken', async () => {
    await using taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    await assert.rejects(startTestServer({ settings: { listen: { port } } }), { code: 'EADDRINUSE' })
  })
})
