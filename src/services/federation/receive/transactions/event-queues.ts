import type { RoomId, ServerName } from '#protocol/ids.ts'
import type { WaitingEvent } from './waiting-event.ts'

/** Works on events of one room, in order; never throws. */
export type WorkOnEvents = (roomId: RoomId, events: readonly WaitingEvent[]) => Promise<void>

/** What may wait of one room and server, of one server, and in all; what comes beyond is refused. */
const maxOfRoom = 200
const maxOfServer = 2000
const maxInAll = 20_000
/** Events in memory while they wait; beyond that what is staged is read from the disk again. */
const maxBytes = 67_108_864
/** Rooms that are worked on at once. */
const maxRooms = 100
const batchSize = 20

/** Events that wait, by room: each room's in the order in which they came, rooms side by side. */
export class EventQueues {
  readonly #queues = new Map<RoomId, WaitingEvent[]>()
  readonly #running = new Set<RoomId>()
  readonly #ready: RoomId[] = []
  readonly #waiting = new Map<string, number>()
  #bytes = 0
  #isPaused = true
  #work: WorkOnEvents = async () => {}
  #whenIdle: (() => void)[] = []

  /** Counts an event that is to wait; false where too many of its kind do. */
  claim({ roomId, origin }: Pick<WaitingEvent, 'roomId' | 'origin'>): boolean {
    const counts = countersOf(roomId, origin).map(([key, most]) => [key, most, this.#waiting.get(key) ?? 0] as const)
    if (counts.some(([, most, count]) => count >= most)) return false
    for (const [key, , count] of counts) this.#waiting.set(key, count + 1)
    return true
  }

  /** The event waits no more. */
  release({ roomId, origin }: Pick<WaitingEvent, 'roomId' | 'origin'>): void {
    for (const [key] of countersOf(roomId, origin)) {
      const left = (this.#waiting.get(key) ?? 1) - 1
      if (left > 0) this.#waiting.set(key, left)
      else this.#waiting.delete(key)
    }
  }

  /** Counts the memory of an event. */
  hold({ bytes }: WaitingEvent): void {
    this.#bytes += bytes
  }

  /** The event is on disk, or done with: what is still to be done with it is read again. */
  letGo(event: WaitingEvent): void {
    this.#bytes -= event.bytes
    Object.assign(event, { received: undefined, checked: undefined, bytes: 0 })
  }

  /** Whether so much is in memory that what is staged should not be. */
  get isFull(): boolean {
    return this.#bytes > maxBytes
  }

  add(event: WaitingEvent): void {
    const queue = this.#queues.get(event.roomId)
    if (queue) queue.push(event)
    else this.#queues.set(event.roomId, [event])
    if (!queue) this.#ready.push(event.roomId)
    this.#startMore()
  }

  /** From now on events are worked on. */
  start(work: WorkOnEvents): void {
    this.#work = work
    this.#isPaused = false
    this.#startMore()
  }

  /** Nothing more is begun; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#isPaused = true
    while (this.#running.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Resolves when no event waits or is worked on. */
  async settle(): Promise<void> {
    while (!this.#isPaused && this.#queues.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  get isIdle(): boolean {
    return this.#isPaused || this.#queues.size === 0
  }

  #startMore(): void {
    while (!this.#isPaused && this.#running.size < maxRooms) {
      const roomId = this.#ready.shift()
      if (roomId === undefined) return
      this.#running.add(roomId)
      void this.#run(roomId)
    }
  }

  /** One batch, then other rooms have their turn. */
  async #run(roomId: RoomId): Promise<void> {
    const batch = this.#queues.get(roomId)?.splice(0, batchSize) ?? []
    await this.#work(roomId, batch)
    this.#running.delete(roomId)
    if (this.#queues.get(roomId)?.length === 0) this.#queues.delete(roomId)
    else this.#ready.push(roomId)
    this.#startMore()
    for (const wake of this.#whenIdle.splice(0)) wake()
  }
}

const countersOf = (roomId: RoomId, origin: ServerName): [key: string, most: number][] => [
  ['', maxInAll],
  [origin, maxOfServer],
  [`${roomId} ${origin}`, maxOfRoom],
]
