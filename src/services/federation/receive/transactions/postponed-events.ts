import type { Clock } from '#base/clock.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { WaitingEvent } from './waiting-event.ts'

/** When an event is tried again, in ms after the attempt before; the last of these from then on. */
const pausesMs = [30_000, 300_000, 1_800_000, 3_600_000]
const maxAttempts = 20
/** Or so long after a sign of life of its server. */
const soonMs = 1000
/** Rooms of which some server's event is tried again. */
const maxPostponed = 1000

type Options = { takeUp(event: WaitingEvent): void; giveUp(event: WaitingEvent): void }

const placeOf = ({ roomId, origin }: WaitingEvent): string => `${roomId} ${origin}`

type Postponed = { event: WaitingEvent; at: number; cancel: () => void }

/**
 * Events whose past could not be asked for, as the server that sent them was not reached: of each room and server the
 * newest, which brings in the others.
 */
export class PostponedEvents {
  readonly #clock: Clock
  readonly #options: Options
  readonly #waiting = new Map<string, Postponed>()
  readonly #attempts = new WeakMap<WaitingEvent, number>()

  constructor(clock: Clock, options: Options) {
    this.#clock = clock
    this.#options = options
  }

  /** False where it was tried often enough, a newer one waits, or too many do. */
  add(event: WaitingEvent): boolean {
    const attempts = this.#attempts.get(event) ?? 0
    const older = this.#waiting.get(placeOf(event))
    if (attempts >= maxAttempts || (older && attempts > 0)) return false
    if (!older && this.#waiting.size >= maxPostponed) return false
    this.#attempts.set(event, attempts + 1)
    older?.cancel()
    this.#wait(event, pausesMs[Math.min(attempts, pausesMs.length - 1)]!)
    if (older) this.#options.giveUp(older.event)
    return true
  }

  /** The server has shown that it is there. */
  wake(server: ServerName): void {
    const later = this.#clock.now() + soonMs
    for (const { event, at, cancel } of [...this.#waiting.values()]) {
      if (event.origin !== server || at <= later) continue
      cancel()
      this.#wait(event, soonMs)
    }
  }

  #wait(event: WaitingEvent, ms: number): void {
    const cancel = this.#clock.after(ms, () => {
      this.#waiting.delete(placeOf(event))
      this.#options.takeUp(event)
    })
    this.#waiting.set(placeOf(event), { event, at: this.#clock.now() + ms, cancel })
  }

  /** What waits stays staged for the next process. */
  stop(): void {
    for (const { cancel } of this.#waiting.values()) cancel()
    this.#waiting.clear()
  }
}
