import assert from 'node:assert/strict'
import fc from 'fast-check'
import { deviceListsChanged } from '#bus/topics.ts'
import { localBus } from '#bus/local.ts'
import { createMetrics } from '#base/metrics.ts'
import type { Log } from '#base/log.ts'
import type { Context } from '#context.ts'
import { cursorLeaseMs } from '#jobs/held-cursor.ts'
import { startFollowerWorker, type Batch, type Follower } from '#jobs/follower.ts'
import { shardOf } from '#jobs/shards.ts'
import { openStore, type Store } from '#store/open.ts'
import { fakeClock, type FakeClock } from '../support/server/clock.ts'
import { createTestDatabase } from '../support/server/databases.ts'
import { silent, startTestServer } from '../support/server/server.ts'
import { createRoom, sendText } from '../support/rooms/rooms.ts'
import { mortalStore } from './mortal-store.ts'

type Stream = 'account_data' | 'device_lists'
type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'log' | 'metrics' | 'processId'>

const streams: readonly Stream[] = ['account_data', 'device_lists']

/** Runs some work over a fresh store. */
async function withStore(work: (store: Store, clock: FakeClock) => Promise<void>): Promise<void> {
  const database = await createTestDatabase({ isNew: true })
  const clock = fakeClock()
  const store = await openStore({ url: database.url, poolSize: 4, now: () => clock.now() })
  try {
    await work(store, clock)
  } finally {
    await store.close()
    await database.remove()
  }
}

let processes = 0

/** A process over the store, with a bus of its own. */
const newProcess = (store: Store, clock: Context['clock'], log: Log = silent): Needs => ({
  store,
  clock,
  log,
  bus: localBus(),
  metrics: createMetrics(),
  processId: `process ${processes++}`,
})

let written = 0

/** Adds entries to a stream, some of them at one position; answers their names. */
function write(store: Store, stream: Stream, count: number): Promise<string[]> {
  return store.transaction(async (tx) => {
    const position = await tx.streams.next(stream)
    const names = Array.from({ length: count }, () => `entry ${String(written++).padStart(6, '0')}`)
    if (stream === 'device_lists')
      await tx.e2ee.deviceLists.record(
        names.map((deviceId) => ({ userId: '@alice:test', deviceId })),
        position,
      )
    else
      for (const type of names)
        await tx.accounts.accountData.save({ userId: '@alice:test', roomId: '', type, content: '{}' }, position)
    return names
  })
}

const namesIn = (batch: Batch<Stream>): string[] =>
  batch.stream === 'device_lists'
    ? batch.entries.map(({ deviceId }) => deviceId)
    : batch.entries.map(({ type }) => type)

/** A follower that writes down what it is given, in the order in which it comes. */
function recorder(seen: string[], more: Partial<Follower<Stream>> = {}): Follower<Stream> {
  return { name: 'test', streams, from: 'start', handle: async (batch) => void seen.push(...namesIn(batch)), ...more }
}

/** Without what came more than once. */
const firstSeen = (seen: readonly string[]): string[] => [...new Set(seen)]

describe('a follower', () => {
  it('stores later that it went past what needed nothing, and repeats no more than that after a crash', () =>
    withStore(async (store, clock) => {
      const stored = async () => (await store.jobs.cursors.find('test'))?.positions['account_data']
      const seen: string[] = []
      const idle = recorder(seen, {
        streams: ['account_data'],
        handle: async (batch) => {
          seen.push(...namesIn(batch))
          return 'nothing'
        },
      })
      const first = startFollowerWorker(newProcess(store, clock), idle)
      await first.settle()
      const before = await stored()
      const names = await write(store, 'account_data', 3)
      await clock.advance(400_000)
      await first.settle()
      assert.deepEqual(seen, names)
      assert.equal(await stored(), before)
      for (let more = 0; more < 1100; more++) await store.transaction((tx) => tx.streams.next('account_data'))
      await write(store, 'account_data', 1)
      await clock.advance(400_000)
      await first.settle()
      assert.ok((await stored())! > 1000)
      // A process that dies leaves the position as it is stored; one that stops stores it.
      const last = await write(store, 'account_data', 1)
      await clock.advance(400_000)
      await first.settle()
      const newest = (await store.streams.positions()).account_data
      assert.ok((await stored())! < newest)
      await first.stop()
      assert.equal(await stored(), newest)
      assert.deepEqual(seen.slice(-1), last)
    }))

  it('looks again when it is woken while it goes to sleep', () =>
    withStore(async (store, clock) => {
      for (let delay = 0; delay < 12; delay++) {
        const process = newProcess(store, clock)
        let isWoken = false
        let looks = 0
        const streamsOf = {
          ...store.streams,
          async positions() {
            if (isWoken) looks++
            const newest = await store.streams.positions()
            if (isWoken) return newest
            let moment = Promise.resolve()
            for (let turn = 0; turn < delay; turn++) moment = moment.then(() => {})
            void moment.then(() => {
              isWoken = true
              process.bus.publish(deviceListsChanged, { userIds: [] })
            })
            return newest
          },
        }
        const ctx = { ...process, store: { ...store, streams: streamsOf } }
        const worker = startFollowerWorker(ctx, recorder([], { name: `test ${delay}` }))
        await worker.settle()
        await new Promise((next) => setImmediate(next))
        await worker.settle()
        await worker.stop()
        assert.ok(looks > 0, `after ${delay} turns`)
      }
    }))

  it('gets every entry once, in order, in batches, the earlier ones first', () =>
    withStore(async (store, clock) => {
      const names = []
      for (const count of [1, 2, 1, 3, 1]) names.push(...(await write(store, 'account_data', count)))
      const batches: string[][] = []
      const process = newProcess(store, clock)
      const follower = recorder([], { batchSize: 2, handle: async (batch) => void batches.push(namesIn(batch)) })
      const worker = startFollowerWorker(process, follower)
      await worker.settle()
      names.push(...(await write(store, 'device_lists', 5)))
      process.bus.publish(deviceListsChanged, { userIds: ['@alice:test'] })
      await worker.settle()
      await worker.stop()

      assert.deepEqual(batches.flat(), names)
      // Entries of one position stay together, whatever the size of a batch.
      assert.deepEqual(
        batches.map(({ length }) => length),
        [1, 2, 1, 3, 1, 5],
      )
    }))

  it('may begin with what comes from now on', () =>
    withStore(async (store, clock) => {
      await write(store, 'account_data', 3)
      const seen: string[] = []
      const process = newProcess(store, clock)
      const first = startFollowerWorker(process, recorder(seen, { from: 'now' }))
      await first.settle()
      await first.stop()
      const names = await write(store, 'account_data', 2)
      const second = startFollowerWorker(newProcess(store, clock), recorder(seen, { from: 'now' }))
      await second.settle()
      await second.stop()

      assert.deepEqual(seen, names)
    }))

  it('follows the events of a running server', async () => {
    await using server = await startTestServer()
    const seen: string[] = []
    const handle = async (batch: Batch<'events'>) => void seen.push(...batch.entries.map(({ eventId }) => eventId))
    const worker = startFollowerWorker(server.context, { name: 'test', streams: ['events'], from: 'start', handle })
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const sent = []
    for (const text of ['one', 'two', 'three']) sent.push(await sendText(alice, roomId, text))
    await worker.settle()
    await worker.stop()

    assert.deepEqual(seen.slice(-3), sent)
    assert.equal(new Set(seen).size, seen.length)
  })

  it('T85 waits longer after each failure, a minute at most, and then goes on where it was', () =>
    withStore(async (store, clock) => {
      const names = await write(store, 'account_data', 2)
      const seen: string[] = []
      const attempts: number[] = []
      const process = newProcess(store, clock)
      let isBroken = true
      const handle = async (batch: Batch<Stream>) => {
        attempts.push(clock.now())
        if (isBroken) throw new Error('out of order')
        seen.push(...namesIn(batch))
      }
      const worker = startFollowerWorker(process, recorder(seen, { handle }))
      await worker.settle()
      for (let second = 0; second < 300; second++) {
        process.bus.publish(deviceListsChanged, { userIds: [] })
        await clock.advance(1000)
        await worker.settle()
      }
      isBroken = false
      await clock.advance(60_000)
      await worker.settle()
      await worker.stop()

      const waits = attempts.slice(1).map((at, index) => Math.round((at - (attempts[index] ?? 0)) / 1000))
      assert.deepEqual(waits.slice(0, 7), [1, 2, 4, 8, 16, 32, 60])
      // The last one is that of the test, which moves time on at once.
      assert.ok(waits.slice(0, -1).every((wait) => wait <= 60))
      assert.deepEqual(seen, names)
    }))

  it('tries an entry that fails by itself, and skips it only when it says where it puts it', () =>
    withStore(async (store, clock) => {
      const names: string[] = []
      for (let count = 0; count < 5; count++) names.push(...(await write(store, 'account_data', 1)))
      const [seen, aside]: [string[], string[]] = [[], []]
      const handle = async (batch: Batch<Stream>) => {
        if (namesIn(batch).includes(names[2] ?? '')) throw new Error('poison')
        seen.push(...namesIn(batch))
      }
      const setAside = async (batch: Batch<Stream>) => aside.push(...namesIn(batch)) > 0
      const worker = startFollowerWorker(newProcess(store, clock), recorder(seen, { handle, setAside }))
      await worker.settle()
      for (let second = 0; second < 10; second++) {
        await clock.advance(1000)
        await worker.settle()
      }
      await worker.stop()

      assert.deepEqual(aside, [names[2]])
      assert.deepEqual(seen, names.toSpliced(2, 1))
    }))

  it('leaves the cursor to the process that holds it, and takes over when that one is silent', () =>
    withStore(async (store, clock) => {
      const [one, two]: [string[], string[]] = [[], []]
      const stuck = newProcess(store, clock)
      const { promise: hang } = Promise.withResolvers<void>()
      const aborted: boolean[] = []
      // It hangs with a timer that no longer renews its lease.
      const frozen = { ...stuck, clock: { ...clock, every: () => () => {} } }
      startFollowerWorker(
        frozen,
        recorder(one, { handle: (batch, signal) => (one.push(...namesIn(batch)), aborted.push(signal.aborted), hang) }),
      )
      const names = await write(store, 'account_data', 3)
      frozen.bus.publish(deviceListsChanged, { userIds: [] })
      while (one.length === 0) await clock.advance(0)
      const other = startFollowerWorker(newProcess(store, clock), recorder(two))
      await other.settle()
      assert.deepEqual([one, two], [names, []])
      await clock.advance(cursorLeaseMs)
      await other.settle()
      await other.stop()

      assert.deepEqual(two, names)
    }))

  it('cannot move a cursor that another process has taken, and is told to stop', () =>
    withStore(async (store, clock) => {
      const names = await write(store, 'account_data', 1)
      const { promise: goOn, resolve } = Promise.withResolvers<void>()
      const seen: string[] = []
      let signal: AbortSignal | undefined
      const slow = startFollowerWorker(
        newProcess(store, clock),
        recorder(seen, { handle: (batch, given) => ((signal = given), seen.push(...namesIn(batch)), goOn) }),
      )
      while (!signal) await clock.advance(0)
      const before = await store.jobs.cursors.find('test')
      // The clock of another process is far ahead: the lease seems to have ended.
      const ahead = { ...clock, now: () => clock.now() + 1000 * cursorLeaseMs }
      const other = startFollowerWorker(newProcess(store, ahead), recorder(seen))
      await other.settle()
      const taken = await store.jobs.cursors.find('test')
      await clock.advance(cursorLeaseMs / 3)
      while (!signal.aborted) await clock.advance(0)
      resolve()
      await slow.settle()
      await Promise.all([slow.stop(), other.stop()])

      assert.deepEqual([before?.positions.account_data, taken?.positions.account_data], [0, 1])
      assert.deepEqual(seen, [...names, ...names])
      assert.equal((await store.jobs.cursors.find('test'))?.positions.account_data, 1)
    }))

  it('does not wait for a lease that a clock far ahead has taken', () =>
    withStore(async (store, clock) => {
      const names = await write(store, 'account_data', 1)
      const ahead = clock.now() + 1000 * cursorLeaseMs
      const claim = { owner: 'ahead', now: ahead, until: ahead + cursorLeaseMs, initial: { account_data: 0 } }
      assert.ok(await store.jobs.cursors.claim('test', claim))
      const seen: string[] = []
      const worker = startFollowerWorker(newProcess(store, clock), recorder(seen))
      await worker.settle()
      await worker.stop()

      assert.deepEqual(seen, names)
    }))

  it('goes on although two processes whose clocks are far apart take the cursor from each other', () =>
    withStore(async (store, clock) => {
      const names: string[] = []
      for (let count = 0; count < 20; count++) names.push(...(await write(store, 'account_data', 1)))
      const ahead = { ...clock, now: () => clock.now() + 1000 * cursorLeaseMs }
      const seen: string[] = []
      const handle = async (batch: Batch<Stream>) => {
        await store.ping()
        seen.push(...namesIn(batch))
      }
      const workers = [clock, ahead].map((own) =>
        startFollowerWorker(newProcess(store, own), recorder(seen, { batchSize: 1, handle })),
      )
      for (let round = 0; round < 5; round++) {
        await Promise.all(workers.map((worker) => worker.settle()))
        await clock.advance(cursorLeaseMs)
      }
      await Promise.all(workers.map((worker) => worker.stop()))

      assert.deepEqual(firstSeen(seen), names)
      assert.ok(seen.length < 3 * names.length, `${seen.length} entries were handled`)
    }))

  it('keeps the order of each key in shards that do not wait for each other', () =>
    withStore(async (store, clock) => {
      const names = await write(store, 'account_data', 12)
      const keyOf = (entry: { type?: string; deviceId?: string }) => entry.type ?? entry.deviceId ?? ''
      const shards = { count: 3, keyOf }
      const bad = names.find((name) => shardOf(name, 3) === 1) ?? ''
      const seen: string[] = []
      const handle = async (batch: Batch<Stream>) => {
        if (namesIn(batch).includes(bad)) throw new Error('this shard is stuck')
        seen.push(...namesIn(batch))
      }
      const worker = startFollowerWorker(newProcess(store, clock), recorder(seen, { shards, handle }))
      await worker.settle()
      await worker.stop()

      for (const shard of [0, 2])
        assert.deepEqual(
          seen.filter((name) => shardOf(name, 3) === shard),
          names.filter((name) => shardOf(name, 3) === shard),
        )
      assert.ok(seen.every((name) => shardOf(name, 3) !== 1))
    }))

  it('shows how far it lags behind', () =>
    withStore(async (store, clock) => {
      const process = newProcess(store, clock)
      const handle = () => Promise.reject(new Error('out of order'))
      const worker = startFollowerWorker(process, recorder([], { handle }))
      await worker.settle()
      for (let count = 0; count < 3; count++) await write(store, 'device_lists', 1)
      process.bus.publish(deviceListsChanged, { userIds: [] })
      await worker.settle()
      await clock.advance(500)
      const { text } = await process.metrics.render()
      await worker.stop()
      process.metrics.close()

      assert.match(text, /myelin_follower_lag_positions\{follower="test"\} 3\n/)
      assert.match(text, /myelin_follower_lag_seconds\{follower="test"\} 0\.5\n/)
    }))

  it('never skips an entry, whatever processes die, clocks jump or batches fail', async function () {
    this.timeout(120_000)
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        stream: fc.constantFrom(...streams),
        count: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({
        kind: fc.constant('start' as const),
        dieAt: fc.integer({ min: 1, max: 12 }),
        isDone: fc.boolean(),
        aheadMs: fc.constantFrom(0, 0, cursorLeaseMs * 2, -cursorLeaseMs * 2, 86_400_000),
        failures: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({
        kind: fc.constant('pass' as const),
        ms: fc.constantFrom(1000, cursorLeaseMs / 2, cursorLeaseMs * 2),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        await withStore(async (store, clock) => {
          const names: Record<Stream, string[]> = { account_data: [], device_lists: [] }
          const seen: string[] = []
          const living: { settle(): Promise<void>; wake(): void; died: Promise<void>; stop(): Promise<void> }[] = []
          const start = ({
            dieAt,
            isDone,
            aheadMs,
            failures,
          }: {
            dieAt: number
            isDone: boolean
            aheadMs: number
            failures: number
          }) => {
            const mortal = mortalStore(store, { dieAt, isDone })
            const process = newProcess(mortal.store, { ...clock, now: () => clock.now() + aheadMs })
            let left = failures
            const handle = async (batch: Batch<Stream>) => {
              if (left-- > 0) throw new Error('a batch fails')
              seen.push(...namesIn(batch))
            }
            const worker = startFollowerWorker(process, recorder(seen, { batchSize: 2, handle }))
            const wake = () => process.bus.publish(deviceListsChanged, { userIds: [] })
            living.push({ ...worker, wake, died: mortal.died })
          }
          const settle = () => Promise.all(living.map((one) => Promise.race([one.settle(), one.died])))
          for (const one of steps) {
            if (one.kind === 'start') start(one)
            else if (one.kind === 'pass') await clock.advance(one.ms)
            else {
              names[one.stream].push(...(await write(store, one.stream, one.count)))
              for (const process of living) process.wake()
            }
            await settle()
          }
          start({ dieAt: Infinity, isDone: true, aheadMs: 0, failures: 0 })
          for (let round = 0; round < 4; round++) {
            await settle()
            await clock.advance(cursorLeaseMs * 2)
          }
          await settle()
          await Promise.all(living.map((one) => Promise.race([one.stop(), one.died])))

          for (const stream of streams)
            assert.deepEqual(
              firstSeen(seen).filter((name) => names[stream].includes(name)),
              names[stream],
            )
        })
      }),
      { numRuns: process.env.TEST_DATABASE === 'postgres' ? 15 : 40 },
    )
  })
})
