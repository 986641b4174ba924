import type { Context } from '#context.ts'
import type { LeasedCursor as Held, Positions } from '#store/jobs/cursors.ts'
import type { FollowedStream } from '#store/jobs/stream-reads.ts'

/** How long a process may be silent before another goes on in its place, in ms. */
export const cursorLeaseMs = 30_000

type Needs = Pick<Context, 'store' | 'clock' | 'processId'>

type CursorOptions = { name: string; streams: readonly FollowedStream[]; from: 'start' | 'now' }

/**
 * A cursor as this process holds it. A lease keeps others out; should it have ended unnoticed, the fence that every
 * write checks keeps this process from moving what is another's by now. Held on to while idle, which costs nothing.
 */
export class HeldCursor {
  readonly #ctx: Needs
  readonly #options: CursorOptions
  #held: (Held & { until: number }) | undefined

  constructor(ctx: Needs, options: CursorOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  /** Takes it unless it is held already; when another process has it, answers until when its lease lasts. */
  async hold(): Promise<number | undefined> {
    const { store, clock, processId: owner } = this.#ctx
    const now = clock.now()
    // A lease that seems to last longer than any is of a clock that was set back.
    if (this.#held && now < this.#held.until && this.#held.until <= now + cursorLeaseMs) return undefined
    const until = now + cursorLeaseMs
    const initial = await this.#initial()
    const held = await store.jobs.cursors.claim(this.#options.name, { owner, now, until, initial })
    this.#held = held && { ...held, positions: { ...initial, ...held.positions }, until }
    // A stream that the follower is new to begins here, and not wherever the next process finds it.
    const isNew = held && this.#options.streams.some((stream) => held.positions[stream] === undefined)
    if (this.#held && isNew) await store.jobs.cursors.move(this.#options.name, held.fence, this.#held)
    if (held) return undefined
    return Math.min(until, (await store.jobs.cursors.find(this.#options.name))?.leaseUntil ?? now)
  }

  position(stream: FollowedStream): number {
    return this.#held?.positions[stream] ?? 0
  }

  /** Writes down that everything of a stream up to a position is done; false when the cursor was lost. */
  async move(stream: FollowedStream, position: number): Promise<boolean> {
    if (!this.#held) return false
    const { positions, fence } = this.#held
    const moved = { positions: { ...positions, [stream]: position }, until: this.#ctx.clock.now() + cursorLeaseMs }
    const isHeld = await this.#ctx.store.jobs.cursors.move(this.#options.name, fence, moved)
    this.#held = isHeld ? { ...moved, fence } : undefined
    return isHeld
  }

  /** Renews the lease as long as the work takes; the signal given aborts when it is lost or `stopping` does. */
  async whileHeld(stopping: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController()
    const beat = this.#ctx.clock.every(cursorLeaseMs / 3, () => void this.#renew(lost))
    try {
      await work(AbortSignal.any([stopping, lost.signal]))
    } finally {
      beat()
    }
  }

  /** Lets another process go on at once; the cursor is not used any more. */
  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held) await this.#ctx.store.jobs.cursors.release(this.#options.name, held.fence)
  }

  /** A renewal that fails for want of the database says nothing: the next move finds out. */
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
