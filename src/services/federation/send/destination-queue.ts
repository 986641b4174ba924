import type { ServerName } from '#protocol/ids.ts'
import { EphemeralEdus, type EduJson } from './ephemeral-edus.ts'

/** A transaction that is sent until it is acknowledged, always with the same id and content. */
export type Attempt = {
  txnId: string
  /** Positions of its events, in order. */
  events: readonly number[]
  /** Positions of its EDUs in the durable queue, in order. */
  durable: readonly number[]
  ephemeral: readonly EduJson[]
}

/** A server that is more events behind gets the latest of each room. */
const maxQueued = 1000
/** After so many refusals of a transaction of one item that item is passed over. */
const maxCaution = 9

/** What waits for one server, as far as it is in memory; the store can rebuild all of it but what is ephemeral. */
export class DestinationQueue {
  readonly server: ServerName
  readonly ephemeral = new EphemeralEdus()
  /** Undefined between transactions. */
  attempt: Attempt | undefined
  isUnderWay = false
  /** Whether there may be EDUs in the durable queue. */
  hasEdus = false
  /** Up to this position all events are sent; undefined: the store knows. */
  lastSent: number | undefined
  /** Positions of events, in order: complete while `isWhole`, else only those that came since the store was read. */
  #events: number[] = []
  #isWhole: boolean
  #mayResume: boolean
  /** How often transactions were refused in a row as they are: ever smaller ones are tried. */
  #caution = 0

  /** `isWhole`: nothing waits in the store. `mayResume`: every event is sent that waits there, and not only the latest of each room. */
  constructor(server: ServerName, { isWhole, mayResume }: { isWhole: boolean; mayResume: boolean }) {
    this.server = server
    this.#isWhole = isWhole
    this.#mayResume = mayResume
  }

  get isIdle(): boolean {
    return (
      !this.attempt &&
      !this.isUnderWay &&
      !this.hasEdus &&
      this.ephemeral.isEmpty &&
      this.#isWhole &&
      this.#events.length === 0
    )
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  get mayResume(): boolean {
    return this.#mayResume
  }

  /** The most events and EDUs of its next transaction. */
  get limits(): { events: number; edus: number } {
    return { events: Math.max(1, 50 >> this.#caution), edus: Math.max(1, 100 >> this.#caution) }
  }

  /** Whether a transaction is to hold one thing alone, so that it shows what the server refuses. */
  get isAlone(): boolean {
    return this.#caution >= 6
  }

  /** The next events of a queue that is whole. */
  next(count: number): readonly number[] {
    return this.#events.slice(0, count)
  }

  /** Adds the positions of events, in order. */
  push(positions: readonly number[]): void {
    const after = Math.max(this.lastSent ?? 0, this.#events.at(-1) ?? 0)
    for (const position of positions) if (position > after) this.#events.push(position)
    if (this.#events.length > maxQueued) this.#fallBehind()
  }

  /** The store was read: these are the events that wait besides those that came meanwhile. */
  becomeWhole(positions: readonly number[]): void {
    this.#events = [...new Set([...positions, ...this.#events])]
      .filter((position) => position > (this.lastSent ?? 0))
      .sort((one, other) => one - other)
    this.#isWhole = true
  }

  /** Forgets what came since the store was read, which is to be read again. */
  forgetNews(): void {
    if (!this.#isWhole) this.#events = []
  }

  /** There is too much to send everything. */
  catchUp(): void {
    this.#mayResume = false
  }

  /** The server was away for a while: from now on only the latest event of each room counts, until it has these. */
  startOutage(): void {
    this.#fallBehind()
    this.#drop()
    this.ephemeral.forgetPassing()
  }

  acknowledge({ events }: Attempt): void {
    this.attempt = undefined
    this.#caution = 0
    const last = events.at(-1)
    if (last === undefined) return
    this.lastSent = Math.max(this.lastSent ?? 0, last)
    this.#events = this.#events.filter((position) => position > last)
  }

  /** The server refuses the transaction as it is; true where it held one thing that is to be passed over. */
  refuse({ events, durable, ephemeral }: Attempt): boolean {
    this.#caution++
    const isOne = events.length + durable.length + ephemeral.length === 1
    if (isOne && this.#caution >= maxCaution) return true
    if (!isOne) this.#drop()
    return false
  }

  #drop(): void {
    if (this.attempt && this.attempt.durable.length > 0) this.hasEdus = true
    this.attempt = undefined
  }

  #fallBehind(): void {
    this.#events = []
    this.#isWhole = false
    this.#mayResume = false
  }
}
