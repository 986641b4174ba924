import assert from 'node:assert/strict'
import { jobsChanged } from '#bus/topics.ts'
import { localBus } from '#bus/local.ts'
import { createMetrics } from '#base/metrics.ts'
import type { Context } from '#context.ts'
import { jobLeaseMs, startJobWorker, type JobKind } from '#jobs/job-worker.ts'
import { openStore, type Store } from '#store/open.ts'
import { fakeClock, type FakeClock } from '../support/server/clock.ts'
import { createTestDatabase } from '../support/server/databases.ts'
import { silent } from '../support/server/server.ts'
import { mortalStore } from './mortal-store.ts'

type House = { store: Store; clock: FakeClock; process(store?: Store): Process }
type Process = Pick<Context, 'store' | 'bus' | 'clock' | 'log' | 'metrics' | 'processId'>

async function inHouse(work: (house: House) => Promise<void>): Promise<void> {
  const database = await createTestDatabase({ isNew: true })
  const clock = fakeClock()
  const store = await openStore({ url: database.url, poolSize: 4, now: () => clock.now() })
  let processes = 0
  const process = (own = store): Process => ({
    store: own,
    clock,
    log: silent,
    bus: localBus(),
    metrics: createMetrics(),
    processId: `process ${processes++}`,
  })
  try {
    await work({ store, clock, process })
  } finally {
    await store.close()
    await database.remove()
  }
}

const job = (key: string, payload = {}) => ({ id: `job ${key}`, kind: 'count', key, payload, now: 0 })

/** Counts to three, and writes down how far it came. */
const counting = (seen: string[]): JobKind => ({
  kind: 'count',
  async run({ key, progress, saveProgress }) {
    for (let number = Number(progress ?? 0) + 1; number <= 3; number++) {
      seen.push(`${key} ${number}`)
      await saveProgress(number)
    }
    return { counted: 3 }
  },
})

describe('a job', () => {
  it('is done once for its key, and keeps its result', () =>
    inHouse(async ({ store, process }) => {
      const seen: string[] = []
      const ids = [await store.jobs.jobs.add(job('a')), await store.jobs.jobs.add({ ...job('a'), id: 'another' })]
      const worker = startJobWorker(process(), [counting(seen)])
      await worker.settle()
      assert.equal(await store.jobs.jobs.add({ ...job('a'), id: 'a third' }), 'job a')
      await worker.settle()
      await worker.stop()
      const done = await store.jobs.jobs.find('job a')

      assert.deepEqual(ids, ['job a', 'job a'])
      assert.deepEqual(seen, ['a 1', 'a 2', 'a 3'])
      assert.deepEqual([done?.state, done?.result, done?.attempts], ['done', { counted: 3 }, 0])
    }))

  it('that is asked for again runs again, after the run that is under way', () =>
    inHouse(async ({ store, process }) => {
      const { promise: goOn, resolve } = Promise.withResolvers<void>()
      const runs: unknown[] = []
      const kind: JobKind = {
        kind: 'count',
        async run({ payload }) {
          runs.push(payload.wish)
          if (runs.length === 1) await goOn
          return undefined
        },
      }
      await store.jobs.jobs.addAgain(job('a', { wish: 1 }))
      const ctx = process()
      const worker = startJobWorker(ctx, [kind])
      while (runs.length === 0) await new Promise((next) => setImmediate(next))
      await store.jobs.jobs.addAgain(job('a', { wish: 2 }))
      ctx.bus.publish(jobsChanged, { kind: 'count' })
      const during = [...runs]
      resolve()
      await worker.settle()
      await store.jobs.jobs.addAgain(job('a', { wish: 3 }))
      ctx.bus.publish(jobsChanged, { kind: 'count' })
      await worker.settle()
      await worker.stop()

      assert.deepEqual(during, [1])
      assert.deepEqual(runs, [1, 2, 3])
    }))

  it('that is asked for again runs again at once, though a renewal of its lease crosses its end', () =>
    inHouse(async ({ store, process }) => {
      const [goOn, crossed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const jobs = {
        ...store.jobs.jobs,
        async renew(...given: Parameters<Store['jobs']['jobs']['renew']>) {
          await crossed.promise
          return store.jobs.jobs.renew(...given)
        },
        async end(...given: Parameters<Store['jobs']['jobs']['end']>) {
          const isHeld = await store.jobs.jobs.end(...given)
          crossed.resolve()
          for (let turn = 0; turn < 5; turn++) await new Promise((next) => setTimeout(next, 5))
          return isHeld
        },
      }
      let runs = 0
      const run = async () => (++runs === 1 ? goOn.promise.then(() => undefined) : undefined)
      await store.jobs.jobs.addAgain(job('a'))
      const ctx = process({ ...store, jobs: { ...store.jobs, jobs } })
      const worker = startJobWorker(ctx, [{ kind: 'count', run }])
      while (runs === 0) await new Promise((next) => setImmediate(next))
      await store.jobs.jobs.addAgain(job('a'))
      ctx.bus.publish(jobsChanged, { kind: 'count' })
      // The look for other jobs is over then: none will find it but the one after the end.
      await new Promise((next) => setTimeout(next, 50))
      goOn.resolve()
      await worker.settle()
      await worker.stop()

      assert.equal(runs, 2)
    }))

  it('whose row another transaction holds is begun as soon as that ends', () =>
    inHouse(async ({ store, process }) => {
      const seen: string[] = []
      const [held, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      await store.jobs.jobs.add(job('a'))
      const holding = store.transaction(async (tx) => {
        await tx.jobs.jobs.addAgain(job('a'))
        held.resolve()
        await goOn.promise
      })
      await held.promise
      const worker = startJobWorker(process(), [counting(seen)])
      await new Promise((next) => setTimeout(next, 50))
      const during = [...seen]
      goOn.resolve()
      await holding
      await worker.settle()
      await worker.stop()

      assert.deepEqual(during, [])
      assert.deepEqual(seen, ['a 1', 'a 2', 'a 3'])
    }))

  it('is looked for again when it is added while the worker goes to sleep', () =>
    inHouse(async ({ store, process }) => {
      for (let delay = 0; delay < 12; delay++) {
        const ctx = process()
        let isAdded = false
        let looks = 0
        const jobs = {
          ...store.jobs.jobs,
          claim(...given: Parameters<Store['jobs']['jobs']['claim']>) {
            if (isAdded) looks++
            return store.jobs.jobs.claim(...given)
          },
          async nextDue(...given: Parameters<Store['jobs']['jobs']['nextDue']>) {
            const due = await store.jobs.jobs.nextDue(...given)
            if (isAdded) return due
            let moment = Promise.resolve()
            for (let turn = 0; turn < delay; turn++) moment = moment.then(() => {})
            void moment.then(() => {
              isAdded = true
              ctx.bus.publish(jobsChanged, { kind: 'count' })
            })
            return due
          },
        }
        const worker = startJobWorker({ ...ctx, store: { ...store, jobs: { ...store.jobs, jobs } } }, [counting([])])
        await worker.settle()
        await new Promise((next) => setImmediate(next))
        await worker.settle()
        await worker.stop()
        assert.ok(looks > 0, `after ${delay} turns`)
      }
    }))

  it('goes on where it was, whatever call of the store the process dies at', () =>
    inHouse(async ({ store, clock, process }) => {
      for (let dieAt = 1; dieAt <= 8; dieAt++)
        for (const isDone of [true, false]) {
          const key = `${dieAt} ${isDone}`
          const seen: string[] = []
          await store.jobs.jobs.add(job(key))
          const mortal = mortalStore(store, { dieAt, isDone })
          const first = startJobWorker(process(mortal.store), [counting(seen)])
          await Promise.race([first.settle(), mortal.died])
          const second = startJobWorker(process(), [counting(seen)])
          await second.settle()
          await clock.advance(jobLeaseMs)
          await second.settle()
          await second.stop()

          assert.equal((await store.jobs.jobs.find(`job ${key}`))?.state, 'done', key)
          assert.deepEqual([...new Set(seen)], [`${key} 1`, `${key} 2`, `${key} 3`], key)
          assert.ok(seen.length <= 4, `${key}: at most the step under way is done again`)
        }
    }))

  it('is left to one process, which notices when another has taken it over', () =>
    inHouse(async ({ store, clock, process }) => {
      const { promise: goOn, resolve } = Promise.withResolvers<void>()
      const outcomes: string[] = []
      const slow: JobKind = {
        kind: 'count',
        async run({ saveProgress }) {
          await goOn
          await saveProgress(1).catch((error: unknown) => outcomes.push(String(error)))
          throw new Error('it does not matter any more')
        },
      }
      await store.jobs.jobs.add(job('a'))
      // Its timers stand still: the lease is not renewed.
      const frozen = { ...process(), clock: { ...clock, every: () => () => {} } }
      const one = startJobWorker(frozen, [slow])
      while ((await store.jobs.jobs.find('job a'))?.state !== 'running') await clock.advance(0)
      const seen: string[] = []
      const two = startJobWorker(process(), [counting(seen)])
      await two.settle()
      assert.deepEqual(seen, [])
      await clock.advance(jobLeaseMs)
      await two.settle()
      resolve()
      await one.settle()
      await Promise.all([one.stop(), two.stop()])

      assert.deepEqual(seen, ['a 1', 'a 2', 'a 3'])
      assert.deepEqual(outcomes, ['Error: Another process has taken the job over'])
      assert.equal((await store.jobs.jobs.find('job a'))?.state, 'done')
    }))

  it('T85 that fails is tried again after growing pauses, so often as its kind says', () =>
    inHouse(async ({ store, clock, process }) => {
      const starts: number[] = []
      const failing: JobKind = {
        kind: 'count',
        maxAttempts: 4,
        run() {
          starts.push(clock.now())
          return Promise.reject(new RangeError('something a user wrote'))
        },
      }
      await store.jobs.jobs.add(job('a'))
      const worker = startJobWorker(process(), [failing])
      for (let second = 0; second < 30; second++) {
        await worker.settle()
        await clock.advance(1000)
      }
      await worker.settle()
      await worker.stop()
      const { state, error } = (await store.jobs.jobs.find('job a')) ?? {}

      assert.deepEqual(
        starts.map((at) => (at - (starts[0] ?? 0)) / 1000),
        [0, 1, 3, 7],
      )
      assert.deepEqual([state, error], ['failed', 'RangeError'])
    }))

  it('can be cancelled while it waits and while it runs', () =>
    inHouse(async ({ store, process }) => {
      const hanging: JobKind = {
        kind: 'count',
        run: ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
      }
      await store.jobs.jobs.add({ ...job('later'), runAt: 1e15 })
      await store.jobs.jobs.add(job('now'))
      const ctx = process()
      const worker = startJobWorker(ctx, [hanging])
      while ((await store.jobs.jobs.find('job now'))?.state !== 'running')
        await new Promise((next) => setImmediate(next))
      const cancelled = [await store.jobs.jobs.cancel('job now', 1), await store.jobs.jobs.cancel('job later', 1)]
      ctx.bus.publish(jobsChanged, { kind: 'count' })
      await worker.settle()
      await worker.stop()

      assert.deepEqual(cancelled, [true, true])
      for (const id of ['job now', 'job later']) assert.equal((await store.jobs.jobs.find(id))?.state, 'cancelled')
      assert.equal(await store.jobs.jobs.cancel('job now', 2), false)
    }))

  it('that a stop interrupts waits for the next start, and does not count as failed', () =>
    inHouse(async ({ store, process }) => {
      let isStarted = false
      const hanging: JobKind = {
        kind: 'count',
        run: ({ signal }) => {
          isStarted = true
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
        },
      }
      await store.jobs.jobs.add(job('a'))
      const first = startJobWorker(process(), [hanging])
      while (!isStarted) await new Promise((next) => setImmediate(next))
      await first.stop()
      const between = await store.jobs.jobs.find('job a')
      const seen: string[] = []
      const second = startJobWorker(process(), [counting(seen)])
      await second.settle()
      await second.stop()

      assert.equal(between?.state, 'waiting')
      assert.equal(seen.length, 3)
    }))
})
