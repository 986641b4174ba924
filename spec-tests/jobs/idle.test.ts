import assert from 'node:assert/strict'
import { fakeClock } from '../support/server/clock.ts'
import { startTestServer } from '../support/server/server.ts'

describe('an idle server', () => {
  it('N52 has no standing timer that is due within a minute', async () => {
    const clock = fakeClock()
    const { every, after } = clock
    const standing = new Set<{ ms: number }>()
    const record = (ms: number, cancel: () => void) => {
      const timer = { ms }
      standing.add(timer)
      return () => {
        standing.delete(timer)
        cancel()
      }
    }
    clock.every = (ms, work) => record(ms, every(ms, work))
    clock.after = (ms, work) => record(ms, after(ms, work))
    await using server = await startTestServer({ clock })
    await server.register('alice')
    await server.settle()

    assert.ok(standing.size > 0)
    for (const { ms } of standing) assert.ok(ms >= 60_000, `a timer is due in ${ms} ms`)
  })
})
