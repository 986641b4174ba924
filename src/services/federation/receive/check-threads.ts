import { ThreadPool } from '#base/threads/thread-pool.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { verifyInBatches } from './verify-aside.ts'
import type { CheckedEvent, EventChecker } from './checked-event.ts'
import type { FindKey } from '#services/remote/server-key.ts'

/** A piece of a set of events that is checked as one. */
export type CheckJob = { set: number; roomId: RoomId; versionId: string; values: readonly JsonValue[] }

/** Undefined for what is dropped; the event itself comes back only where it had to be redacted. */
export type JobResult = { eventId: EventId; redacted: Pdu | undefined } | undefined

const batchSize = 100

/** Threads that check the form, signatures and hashes of many events, so that the event loop stays free. */
const asksNothing = () => Promise.reject(new Error('Verifying asks nothing'))

export class CheckThreads implements EventChecker {
  readonly #pool = new ThreadPool(new URL('./check-thread.ts', import.meta.url))
  #sets = 0
  /** Whether keys made signatures. */
  readonly verify = verifyInBatches((job) => this.#pool.run(job, asksNothing) as Promise<boolean[]>)

  /** The events that pass, in order, as `checkEvents` answers them. */
  async check(
    findKey: FindKey,
    values: readonly JsonValue[],
    { roomId, version }: { roomId: RoomId; version: RoomVersion },
  ): Promise<CheckedEvent[]> {
    const set = ++this.#sets
    const answer = (question: unknown) => {
      const { server, keyId } = question as { server: string; keyId: string }
      return findKey(server, keyId)
    }
    const checked: (CheckedEvent | undefined)[] = Array.from({ length: values.length })
    let next = 0
    const lane = async () => {
      while (next < values.length) {
        const start = next
        next += batchSize
        const job: CheckJob = { set, roomId, versionId: version.id, values: values.slice(start, start + batchSize) }
        const results = (await this.#pool.run(job, answer)) as JobResult[]
        for (const [index, result] of results.entries())
          checked[start + index] = result && {
            eventId: result.eventId,
            pdu: result.redacted ?? (values[start + index] as unknown as Pdu),
          }
      }
    }
    // Two for each thread: while one is checked, the next is on its way.
    await Promise.all(Array.from({ length: this.#pool.size * 2 }, lane))
    return checked.filter((one) => one !== undefined)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}
