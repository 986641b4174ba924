import type { EventId, RoomId } from '#protocol/ids.ts'
import type { Engine } from './engine.ts'
import type { EventStatus, EventTransaction } from './events.ts'
import type { Membership } from './members.ts'
import { StateKeyNids } from './state-key-nids.ts'
import { writeBatch } from './write-batch.ts'

/** An event and everything derived from it, ready to be written in one transaction. */
export type EventWrite = {
  eventId: EventId
  type: string
  stateKey: string | null
  sender: string
  originServerTs: number
  clientJson: string
  graphJson: string
  status: EventStatus
  /** Set when the event becomes the holder of its state key; answers the position since which the former holder stood there. */
  formerHolderFrom?: (() => number | undefined) | undefined
  membership?: { userId: string; membership: Membership; sender: string } | undefined
  relation?: { parentId: string; relType: string } | undefined
  transaction?: EventTransaction | undefined
  /** The event that it redacts, as it stands after the redaction. */
  redaction?: { eventId: EventId; clientJson: string; graphJson: string } | undefined
}

/** Events of one room that are written together or not at all. */
export type RoomWrite = {
  roomId: RoomId
  version: string
  /** Undefined for a room that its first event creates. */
  nid: number | undefined
  /** The line version the events were built on. */
  lineVersion: number
  /** Forward extremities after the write. */
  heads: readonly EventId[]
  depth: number
  events: readonly EventWrite[]
}

export type Written = { nid: number; positions: number[] }

/** The room moved on in another process since the events were built: read it again and build anew. */
export class StaleRoomError extends Error {}

export type WriterOptions = {
  now: () => number
  /** Called after each batch with its events and its duration in milliseconds. */
  observe?: ((events: number, milliseconds: number) => void) | undefined
}

const maxBatch = 200

type Waiting = { write: RoomWrite; resolve(written: Written): void; reject(error: Error): void }

/** One loop a process: takes all that waits, of any rooms, and commits it at once. */
export function eventWriter(engine: Engine, options: WriterOptions) {
  const waiting: Waiting[] = []
  const keyNids = new StateKeyNids(engine.kind)
  let running = false

  const flush = async (batch: Waiting[]): Promise<void> => {
    try {
      const started = options.now()
      const written = await writeBatch(engine, { writes: batch.map(({ write }) => write), keyNids, now: started })
      options.observe?.(
        batch.reduce((sum, { write }) => sum + write.events.length, 0),
        options.now() - started,
      )
      batch.forEach(({ resolve, reject }, index) => {
        const result = written[index]
        if (result) resolve(result)
        else reject(new StaleRoomError())
      })
    } catch (error) {
      if (batch.length === 1) return batch[0]?.reject(error as Error)
      // One bad write must not fail its neighbors: each gets its own transaction.
      for (const one of batch) await flush([one])
    }
  }

  const run = async (): Promise<void> => {
    running = true
    while (waiting.length > 0) await flush(take(waiting))
    running = false
  }

  return {
    /** Resolves once the events are on disk; rejects with StaleRoomError when they must be built anew. */
    write(write: RoomWrite): Promise<Written> {
      return new Promise((resolve, reject) => {
        waiting.push({ write, resolve, reject })
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
