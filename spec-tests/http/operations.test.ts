import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createMetrics } from '#base/metrics.ts'
import { operationsApp } from '#http/operations-app.ts'
import type { Store } from '#store/open.ts'
import { startTestServer } from '../support/server/server.ts'
import { createRoom, sendText } from '../support/rooms/rooms.ts'
import { sync } from '../support/server/sync.ts'

describe('the metrics listener', () => {
  it('has histograms of requests, the event writer, syncs and the event loop', async () => {
    await using server = await startTestServer({ settings: { metrics: { port: 0 } } })
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { next_batch } = await sync(alice)
    await sendText(alice, roomId, 'hello')
    await sync(alice, { since: next_batch })
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()

    assert.equal(
      countOf(text, 'myelin_request_duration_seconds', '{method="GET",path="/_matrix/client/v3/sync",status="200"}'),
      2,
    )
    assert.ok(countOf(text, 'myelin_event_batch_duration_seconds') >= 2)
    assert.equal(countOf(text, 'myelin_sync_duration_seconds', '{kind="initial"}'), 1)
    assert.equal(countOf(text, 'myelin_sync_duration_seconds', '{kind="incremental"}'), 1)
    assert.match(text, /myelin_event_loop_delay_seconds_bucket\{le="0.05"\} \d+\n/)
  })

  it('counts of a long poll the making of its answer, not its wait', async () => {
    await using server = await startTestServer({ settings: { metrics: { port: 0 } } })
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { next_batch } = await sync(alice)
    const poll = sync(alice, { since: next_batch, timeout: '30000' })
    await server.clock.waiting()
    const before = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    await sendText(alice, roomId, 'hello')
    await poll
    const after = await (await fetch(`${server.metricsUrl}/metrics`)).text()

    assert.equal(countOf(before, 'myelin_sync_duration_seconds', '{kind="incremental"}'), 0)
    assert.match(before, /myelin_waiting_long_polls 1\n/)
    assert.equal(countOf(after, 'myelin_sync_duration_seconds', '{kind="incremental"}'), 1)
    assert.match(after, /myelin_waiting_long_polls 0\n/)
  })

  it('is live without its database, but not ready', async () => {
    const metrics = createMetrics()
    const store = { ping: () => Promise.reject(new Error('gone')) } as unknown as Store
    await using listener = createServer(operationsApp({ metrics, store })).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
    const statusOf = async (path: string) => (await fetch(url + path, { headers: { connection: 'close' } })).status
    const statuses = [await statusOf('/health/live'), await statusOf('/health/ready'), await statusOf('/health')]
    metrics.close()

    assert.deepEqual(statuses, [200, 503, 503])
  })
})

const countOf = (text: string, name: string, labels = ''): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${name}_count${labels} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}
