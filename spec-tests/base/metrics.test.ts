import assert from 'node:assert/strict'
import { createMetrics } from '#base/metrics.ts'

describe('metrics', () => {
  it('count requests by template, batches, syncs and waiting long polls', async () => {
    const metrics = createMetrics()
    metrics.requestDone({ method: 'GET', path: '/_matrix/client/v3/rooms/:roomId', status: 200, ms: 3 })
    metrics.batchWritten({ events: 20, ms: 4 })
    metrics.syncDone({ kind: 'incremental', ms: 1 })
    metrics.countWaiting(() => 7)
    const { text, contentType } = await metrics.render()
    metrics.close()

    assert.match(contentType, /^text\/plain/)
    const count =
      /myelin_request_duration_seconds_count\{method="GET",path="\/_matrix\/client\/v3\/rooms\/:roomId",status="200"\} 1\n/
    assert.match(text, count)
    assert.match(text, /myelin_event_batch_events_sum 20\n/)
    assert.match(text, /myelin_sync_duration_seconds_count\{kind="incremental"\} 1\n/)
    assert.match(text, /myelin_waiting_long_polls 7\n/)
  })

  it('tell the event-loop delay, memory and processor time of the process', async () => {
    const metrics = createMetrics()
    let text = ''
    while (!/myelin_event_loop_delay_seconds_count [1-9]/.test(text)) {
      metrics.requestBegun()
      await new Promise((resolve) => setImmediate(resolve))
      text = (await metrics.render()).text
    }
    metrics.close()

    assert.match(text, /myelin_event_loop_delay_seconds_bucket\{le="\+Inf"\} [1-9]/)
    assert.match(text, /process_resident_memory_bytes [1-9]/)
    assert.match(text, /process_cpu_seconds_total [\d.]+\n/)
  })

  it('N52 sample the event loop only after a request, and rest after a series', async () => {
    const metrics = createMetrics()
    const samplesAfter = async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms))
      const { text } = await metrics.render()
      return Number(/myelin_event_loop_delay_seconds_count (\d+)/.exec(text)?.[1])
    }
    const idle = await samplesAfter(60)
    metrics.requestBegun()
    const asked = await samplesAfter(60)
    const idleAgain = await samplesAfter(60)
    metrics.requestBegun()
    const askedSoonAgain = await samplesAfter(60)
    metrics.close()

    assert.deepEqual([idle, asked, idleAgain, askedSoonAgain], [0, 1, 1, 1])
  })

  it('of two servers in one process are apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    one.batchWritten({ events: 5, ms: 1 })
    const { text } = await other.render()
    one.close()
    other.close()

    assert.match(text, /myelin_event_batch_events_sum 0\n/)
  })
})
