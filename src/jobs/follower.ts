import type { Lag } from '#base/metrics.ts'
import type { Context } from '#context.ts'
import { accountDataChanged, deviceListsChanged, eventsCommitted, receiptMoved, toDeviceQueued } from '#bus/topics.ts'
import type { FollowedStream, StreamEntries } from '#store/jobs/stream-reads.ts'
import { Alarm } from './alarm.ts'
import { backoffMs } from './backoff.ts'
import { cursorLeaseMs, HeldCursor } from './held-cursor.ts'
import { ofShard } from './shards.ts'
import { allWorkers, type Worker } from './worker.ts'

/** All entries of one stream and shard after one position and up to another, in order. */
export type Batch<Stream extends FollowedStream = FollowedStream> = {
  [S in Stream]: { stream: S; entries: StreamEntries[S][]; after: number; upTo: number; attempt: number }
}[Stream]

/**
 * A consumer of streams: push, federation, search. Every entry reaches `handle` at least once, in the order of its
 * stream, also across restarts and crashes: the position is stored in the table `cursors` under its name, and moves
 * only when `handle` has resolved. `handle` must be idempotent.
 */
export type Follower<Stream extends FollowedStream = FollowedStream> = {
  name: string
  streams: readonly Stream[]
  /** Where a new follower begins: at the start of the stream, or at its current position. */
  from: 'start' | 'now'
  /** The most entries of a batch, except that those of one position stay together; 200 when absent. */
  batchSize?: number
  /**
   * The signal aborts when the server stops or another process has taken over: the batch is then repeated. Answers
   * `nothing` where there was nothing to do: the position is stored later, which spares a write.
   */
  handle(batch: Batch<Stream>, signal: AbortSignal): Promise<void | 'nothing'>
  /**
   * Called when a batch of a single position has failed: `true` when the failure is recorded elsewhere, and the
   * follower skips the position. Without this it is retried for ever.
   */
  setAside?(batch: Batch<Stream>, error: unknown): Promise<boolean>
  /**
   * Entries of one key stay in order, those of different shards do not wait for each other, and different processes may
   * work on different shards. The count must not change: cursors belong to a shard.
   */
  shards?: { count: number; keyOf(entry: StreamEntries[Stream]): string }
}

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'log' | 'metrics' | 'processId'>

/** The bus topics that wake a follower of each stream. */
const topics = {
  events: eventsCommitted,
  receipts: receiptMoved,
  account_data: accountDataChanged,
  to_device: toDeviceQueued,
  device_lists: deviceListsChanged,
} as const

/** The poll interval in ms, for entries whose process died between commit and bus message. */
const lookEveryMs = 300_000

const defaultBatchSize = 200

/** Follows the streams until it is stopped. */
export function startFollowerWorker<Stream extends FollowedStream>(ctx: Needs, follower: Follower<Stream>): Worker {
  const count = follower.shards?.count ?? 1
  return allWorkers(
    Array.from({ length: count }, (_, index) => new ShardWorker(ctx, follower, count === 1 ? undefined : index)),
  )
}

/** How many positions of the streams are after the cursor, whichever process holds it. */
async function lagOf({ store }: Needs, held: HeldCursor, streams: readonly FollowedStream[]): Promise<number> {
  const [newest, cursor] = await Promise.all([store.streams.positions(), store.jobs.cursors.find(held.name)])
  const handled = (stream: FollowedStream) => Math.max(held.position(stream), cursor?.positions[stream] ?? 0)
  return streams.reduce((sum, stream) => sum + Math.max(0, newest[stream] - handled(stream)), 0)
}

/** The name of the cursor of a shard. */
export const cursorName = (name: string, shard: number | undefined): string =>
  shard === undefined ? name : `${name}/${shard}`

/** One shard of a follower, or all of it, in this process. */
class ShardWorker<Stream extends FollowedStream> implements Worker {
  readonly #ctx: Needs
  readonly #follower: Follower<Stream>
  readonly #shard: number | undefined
  readonly #name: string
  readonly #cursor: HeldCursor
  readonly #stopping = new AbortController()
  /** Set while another process holds the cursor, or before a retry. */
  readonly #pause: Alarm
  readonly #look: Alarm
  readonly #ends: readonly (() => void)[]
  #running: Promise<void> | undefined
  #isAskedAgain = false
  #failures = 0
  #behindSince: number | undefined

  constructor(ctx: Needs, follower: Follower<Stream>, shard: number | undefined) {
    this.#ctx = ctx
    this.#follower = follower
    this.#shard = shard
    this.#name = cursorName(follower.name, shard)
    this.#cursor = new HeldCursor(ctx, { name: this.#name, streams: follower.streams, from: follower.from })
    this.#pause = new Alarm(ctx.clock)
    this.#look = new Alarm(ctx.clock)
    this.#ends = [
      ctx.metrics.watchLag(this.#name, () => this.#lag()),
      ...follower.streams.map((stream) => ctx.bus.subscribe(topics[stream] as never, () => this.#wake())),
    ]
    this.#wake()
  }

  async settle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end()
    this.#stopping.abort()
    for (const alarm of [this.#pause, this.#look]) alarm.clear()
    await this.#running
    await this.#cursor.release()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Does nothing during a pause, which continues by itself. */
  #wake(): void {
    this.#isAskedAgain = true
    this.#behindSince ??= this.#ctx.clock.now()
    if (this.#isStopping || this.#pause.isSet) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // Between the last pass and here it may have been woken again.
      if (this.#isAskedAgain) this.#wake()
      if (!this.#isStopping) this.#look.set(lookEveryMs, () => this.#wake())
    })
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#pause.isSet && !this.#isStopping) {
      this.#isAskedAgain = false
      try {
        while ((await this.#pass()) && !this.#isStopping);
      } catch (error) {
        if (!this.#isStopping) this.#failed(error)
      }
    }
  }

  #failed(error: unknown): void {
    const ms = backoffMs(++this.#failures)
    const failures = this.#failures
    this.#ctx.log.error('a follower failed', { follower: this.#name, failures, again_in_ms: ms, error })
    this.#pause.set(ms, () => this.#wake())
  }

  /** One batch of each stream; answers whether there may be more. */
  async #pass(): Promise<boolean> {
    const heldUntil = await this.#cursor.hold()
    if (heldUntil !== undefined) {
      this.#pause.set(heldUntil - this.#ctx.clock.now(), () => this.#wake())
      return false
    }
    const newest = await this.#ctx.store.streams.positions()
    let isMore = false
    for (const stream of this.#follower.streams) {
      const after = this.#cursor.position(stream)
      if (after >= newest[stream] || this.#isStopping) continue
      const batch = await this.#read(stream, after, newest[stream])
      const wasNothing = batch.entries.length > 0 && (await this.#handle(batch)) === 'nothing'
      isMore = true
      const { upTo } = batch
      const isHeld = await (wasNothing ? this.#cursor.pass(stream, upTo) : this.#cursor.move(stream, upTo))
      if (!isHeld) return this.#yield()
    }
    this.#failures = 0
    if (!isMore) this.#behindSince = undefined
    return isMore
  }

  /** Two processes whose clocks differ by more than a lease would keep taking the cursor from each other. */
  #yield(): false {
    this.#ctx.log.warn('a follower lost its cursor to another process', { follower: this.#name })
    this.#pause.set(cursorLeaseMs, () => this.#wake())
    return false
  }

  /** After a failure one position at a time, to isolate the failing one. */
  async #read(stream: Stream, after: number, upTo: number): Promise<Batch<Stream>> {
    const { batchSize = defaultBatchSize, shards } = this.#follower
    const limit = this.#failures > 0 ? 1 : batchSize
    const read = await this.#ctx.store.jobs.streamReads.read(stream, { after, upTo, limit })
    const entries = ofShard(read.entries, shards, this.#shard)
    return { stream, entries, after, upTo: read.upTo, attempt: this.#failures + 1 } as Batch<Stream>
  }

  async #handle(batch: Batch<Stream>): Promise<void | 'nothing'> {
    try {
      return await this.#cursor.whileHeld(this.#stopping.signal, (signal) => this.#follower.handle(batch, signal))
    } catch (error) {
      const positions = new Set(batch.entries.map(({ position }) => position))
      const isAlone = positions.size === 1 && !this.#isStopping
      if (!isAlone || !(await this.#follower.setAside?.(batch, error))) throw error
      const { stream, upTo } = batch
      this.#ctx.log.warn('a follower has set something aside', { follower: this.#name, stream, up_to: upTo, error })
    }
  }

  async #lag(): Promise<Lag> {
    const positions = await lagOf(this.#ctx, this.#cursor, this.#follower.streams)
    const now = this.#ctx.clock.now()
    this.#behindSince = positions === 0 ? undefined : (this.#behindSince ?? now)
    return { positions, seconds: (now - (this.#behindSince ?? now)) / 1000 }
  }
}
