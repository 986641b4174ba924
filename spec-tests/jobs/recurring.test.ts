import assert from 'node:assert/strict'
import type { Log } from '#base/log.ts'
import { startRecurringWorker } from '#jobs/recurring.ts'
import { startTestServer } from '../support/server/server.ts'

const hour = 3_600_000

describe('recurring work', () => {
  it('is done once a turn, by one of all processes', async () => {
    await using server = await startTestServer()
    const runs: string[] = []
    const workers = ['one', 'two'].map((name) =>
      startRecurringWorker(server.context, { name: 'count', every: hour, run: async () => void runs.push(name) }),
    )
    const counts = []
    for (let turn = 0; turn < 3; turn++) {
      await passHour(server, workers)
      counts.push(runs.length)
    }
    await Promise.all(workers.map((worker) => worker.stop()))

    assert.deepEqual(counts, [1, 2, 3])
  })

  it('comes at its turn although the process was restarted', async () => {
    await using server = await startTestServer()
    let runs = 0
    const work = { name: 'count', every: hour, run: async () => void runs++ }
    for (let start = 0; start < 8; start++) {
      const worker = startRecurringWorker(server.context, work)
      await server.clock.advance(hour / 4)
      await worker.stop()
    }

    assert.equal(runs, 2)
  })

  it('N31 is not kept away by a lease that a clock far ahead has taken', async () => {
    await using server = await startTestServer()
    const farAhead = server.clock.now() + 1000 * hour
    const { leases } = server.context.store.jobs
    assert.equal((await leases.take('count', { now: farAhead, until: farAhead + hour })).taken, true)
    let runs = 0
    const worker = startRecurringWorker(server.context, { name: 'count', every: hour, run: async () => void runs++ })
    await passHour(server, [worker])
    await worker.stop()

    assert.equal(runs, 1)
  })

  it('N52 sleeps until its turn is due', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    let looks = 0
    const { take } = store.jobs.leases
    store.jobs.leases.take = (...given) => {
      if (given[0] === 'count') looks++
      return take(...given)
    }
    const worker = startRecurringWorker(server.context, { name: 'count', every: hour, run: async () => {} })
    for (let passed = 0; passed < 4; passed++) await passHour(server, [worker])
    await worker.stop()

    assert.equal(looks, 4)
  })

  it('goes on after a failure, and not after its end', async () => {
    await using server = await startTestServer()
    const failures: string[] = []
    const log = { ...server.context.log, error: (message: string) => void failures.push(message) } as Log
    let runs = 0
    const worker = startRecurringWorker(
      { ...server.context, log },
      {
        name: 'fail',
        every: hour,
        run: () => Promise.reject(new Error(`run ${++runs}`)),
      },
    )
    await passHour(server, [worker])
    await passHour(server, [worker])
    await worker.stop()
    await passHour(server, [worker])

    assert.equal(runs, 2)
    assert.deepEqual(failures, ['recurring work failed', 'recurring work failed'])
  })
})

/** In steps, since work takes time on a clock that nothing moves meanwhile. */
async function passHour(
  { clock }: { clock: { advance(ms: number): Promise<void> } },
  workers: readonly { settle(): Promise<void> }[],
): Promise<void> {
  for (let step = 0; step < 6; step++) {
    await clock.advance(hour / 6)
    await Promise.all(workers.map((worker) => worker.settle()))
  }
}
