import type { Context } from '#context.ts'
import type { LeasedCursor as Held, Positions } from '#store/jobs/cursors.ts'
import type { FollowedStream } from '#store/jobs/stream-reads.ts'

/** How long a process may fail to renew its lease before another takes over, in ms. */
export const cursorLeaseMs = 30_000

/** A cursor that goes past what needed nothing is stored after so many positions. */
const maxUnstored = 1000

type Needs = Pick<Context, 'store' | 'clock' | 'processId'>

type CursorOptions = { name: string; streams: readonly FollowedStream[]; from: 'start' | 'now' }

/**
 * A cursor that this process leases. If the lease has expired unnoticed, the fence that every write checks keeps this
 * process from moving a cursor that another has taken. It is kept while idle, which costs nothing.
 */
export class HeldCursor {
  readonly #ctx: Needs
  readonly #options: CursorOptions
  #held: (Held & { until: number }) | undefined
  /** What is in the store. */
  #stored: Positions = {}

  constructor(ctx: Needs, options: CursorOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  /** Takes the lease unless held already; when another process has it, answers until when it lasts. */
  async hold(): Promise<number | undefined> {
    const { store, clock, processId: owner } = this.#ctx
    const now = clock.now()
    // A lease that lasts longer than any can shows that the clock was set back.
    if (this.#held && now < this.#held.until && this.#held.until <= now + cursorLeaseMs) return undefined
    const until = now + cursorLeaseMs
    const initial = await this.#initial()
    const held = await store.jobs.cursors.claim(this.#options.name, { owner, now, until, initial })
    // Where nobody else had it since, what was passed over and not stored is passed over still.
    const passed = held && this.#held?.fence === held.fence - 1 ? this.#held.positions : {}
    this.#stored = { ...initial, ...held?.positions }
    this.#held = held && { ...held, positions: { ...this.#stored, ...passed }, until }
    // The start of a new stream is stored now, so that another process begins at the same position.
    const isNew = held && this.#options.streams.some((stream) => held.positions[stream] === undefined)
    if (this.#held && isNew) await store.jobs.cursors.move(this.#options.name, held.fence, this.#held)
    if (held) return undefined
    return Math.min(until, (await store.jobs.cursors.find(this.#options.name))?.leaseUntil ?? now)
  }

  get name(): string {
    return this.#options.name
  }

  position(stream: FollowedStream): number {
    return this.#held?.positions[stream] ?? 0
  }

  /** Stores that a stream is handled up to a position; false when the cursor was lost. */
  async move(stream: FollowedStream, position: number): Promise<boolean> {
    if (!this.#held) return false
    const { positions, fence } = this.#held
    const moved = { positions: { ...positions, [stream]: position }, until: this.#ctx.clock.now() + cursorLeaseMs }
    const isHeld = await this.#ctx.store.jobs.cursors.move(this.#options.name, fence, moved)
    this.#held = isHeld ? { ...moved, fence } : undefined
    if (isHeld) this.#stored = moved.positions
    return isHeld
  }

  /** Goes past entries that needed nothing; stored with the next move, or after so many positions. */
  async pass(stream: FollowedStream, position: number): Promise<boolean> {
    if (!this.#held || position - (this.#stored[stream] ?? 0) >= maxUnstored) return this.move(stream, position)
    this.#held = { ...this.#held, positions: { ...this.#held.positions, [stream]: position } }
    return true
  }

  /** Renews the lease during the work, whose signal aborts when it is lost or `stopping` aborts. */
  async whileHeld<T>(stopping: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const lost = new AbortController()
    const beat = this.#ctx.clock.every(cursorLeaseMs / 3, () => void this.#renew(lost))
    try {
      return await work(AbortSignal.any([stopping, lost.signal]))
    } finally {
      beat()
    }
  }

  /** Releases the lease, so that another process can go on at once; the cursor must not be used afterwards. */
  async release(): Promise<void> {
    const held = this.#held
    const isBehind = held && this.#options.streams.some((stream) => held.positions[stream] !== this.#stored[stream])
    if (isBehind) await this.#ctx.store.jobs.cursors.move(this.#options.name, held.fence, held)
    this.#held = undefined
    if (held) await this.#ctx.store.jobs.cursors.release(this.#options.name, held.fence)
  }

  /**
   * A renewal that fails because the database is unreachable is ignored: the next move shows whether the lease is lost.
   */
  async #renew(lost: AbortController): Promise<void> {
    const held = this.#held
    if (!held) return
    const until = this.#ctx.clock.now() + cursorLeaseMs
    const isHeld = await this.#ctx.store.jobs.cursors.renew(this.#options.name, held.fence, until).catch(() => true)
    if (!isHeld) lost.abort()
    else if (this.#held === held) this.#held = { ...held, until }
  }

  async #initial(): Promise<Positions> {
    const newest = this.#options.from === 'now' ? await this.#ctx.store.streams.positions() : undefined
    return Object.fromEntries(this.#options.streams.map((stream) => [stream, newest?.[stream] ?? 0]))
  }
}
