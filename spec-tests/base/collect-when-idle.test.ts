import assert from 'node:assert/strict'
import { collectWhenIdle } from '#base/collect-when-idle.ts'
import { createLog } from '#base/log.ts'
import { fakeClock } from '../support/server/clock.ts'

const mib = 1024 * 1024
const minute = 60_000

/** A heap that is at 50 MiB after every collection. */
function scene() {
  const clock = fakeClock()
  const heap = { size: 50 * mib, busy: 0, collections: 0 }
  const log = createLog({ level: 'silent', destination: { write: () => {} }, requestId: () => undefined })
  const end = collectWhenIdle(
    { clock, log },
    {
      bytes: () => heap.size,
      utilization: () => heap.busy,
      async collect() {
        heap.collections++
        heap.size = 50 * mib
      },
    },
  )
  return { clock, heap, end }
}

describe('N50 an idle process', () => {
  it('gives back once what a peak has left', async () => {
    const { clock, heap } = scene()
    heap.size = 150 * mib
    await clock.advance(5 * minute)

    assert.equal(heap.collections, 1)
  })

  it('collects nothing while there is something to do, nor for little', async () => {
    const { clock, heap } = scene()
    heap.size = 150 * mib
    heap.busy = 0.2
    await clock.advance(minute)
    heap.size = 80 * mib
    heap.busy = 0
    await clock.advance(minute)

    assert.equal(heap.collections, 0)
  })

  it('measures against the least that was in use', async () => {
    const { clock, heap } = scene()
    heap.size = 20 * mib
    await clock.advance(minute)
    heap.size = 90 * mib
    await clock.advance(minute)

    assert.equal(heap.collections, 1)
  })

  it('looks no more once the server ends', async () => {
    const { clock, heap, end } = scene()
    end()
    heap.size = 150 * mib
    await clock.advance(minute)

    assert.equal(heap.collections, 0)
  })
})
