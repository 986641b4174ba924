import type { CacheBudget } from '#base/cache.ts'
import { AuthNids } from './auth-nids.ts'
import type { Engine } from '#store/engine/engine.ts'
import type { RoomWrite, Written } from './room-write.ts'
import { StateKeyNids } from './state-key-nids.ts'
import { writeBatch } from './write-batch.ts'

/** Another process has written to the room since the events were built: reload it and build them again. */
export class StaleRoomError extends Error {
  override name = 'StaleRoomError'
}

export type WriterOptions = {
  /** The newest position on disk when the writer starts. */
  position: number
  now: () => number
  caches: CacheBudget
  /** Called after each batch with its events and its duration in milliseconds. */
  observe?: ((events: number, milliseconds: number) => void) | undefined
}

const maxBatch = 200

/** `apply` runs in commit order before the write can be read, so that memory never lags behind `position`. */
type Waiting = {
  write: RoomWrite
  apply(written: Written): void
  resolve(written: Written): void
  reject(error: Error): void
}

type Follower = (write: RoomWrite, written: Written) => void

/** One loop in each process: takes all pending writes of all rooms and commits them in one batch. */
export function eventWriter(engine: Engine, options: WriterOptions) {
  const waiting: Waiting[] = []
  const numbers = {
    keyNids: new StateKeyNids(engine.kind, options.caches),
    authNids: new AuthNids(engine.kind, options.caches),
  }
  const followers: Follower[] = []
  let running = false
  let position = options.position

  const settle = ({ write, apply, resolve, reject }: Waiting, written: Written | undefined): void => {
    if (!written) return reject(new StaleRoomError())
    apply(written)
    for (const follow of followers) follow(write, written)
    position = Math.max(position, written.positions.at(-1) ?? 0)
    resolve(written)
  }

  const flush = async (batch: Waiting[]): Promise<void> => {
    try {
      const writes = batch.map(({ write }) => write)
      await Promise.all(writes.map(({ ready }) => ready))
      const started = performance.now()
      const written = await writeBatch(engine, { writes, ...numbers, now: options.now() })
      options.observe?.(
        batch.reduce((sum, { write }) => sum + write.events.length, 0),
        performance.now() - started,
      )
      batch.forEach((one, index) => settle(one, written[index]))
    } catch (error) {
      if (batch.length === 1) return batch[0]?.reject(error as Error)
      // One bad write must not fail the others of its batch: each gets its own transaction.
      for (const one of batch) await flush([one])
    }
  }

  const run = async (): Promise<void> => {
    running = true
    while (waiting.length > 0) await flush(take(waiting))
    running = false
  }

  return {
    /** Everything up to here is on disk and applied in memory. */
    position: () => position,

    /** Calls back for every write in commit order, before it can be read. */
    follow(follower: Follower): void {
      followers.push(follower)
    },

    /** Resolves once the events are on disk; rejects with StaleRoomError when they must be built anew. */
    write(write: RoomWrite, apply: (written: Written) => void): Promise<Written> {
      return new Promise((resolve, reject) => {
        waiting.push({ write, apply, resolve, reject })
        if (!running) void run()
      })
    },
  }
}

const take = (waiting: Waiting[]): Waiting[] => {
  let count = 0
  let events = 0
  while (count < waiting.length && (count === 0 || events + (waiting[count]?.write.events.length ?? 0) <= maxBatch))
    events += waiting[count++]?.write.events.length ?? 0
  return waiting.splice(0, count)
}
