import type { Clock } from '#base/clock.ts'
import type { UserId } from '#protocol/ids.ts'

export type PresenceState = 'online' | 'unavailable' | 'offline'

/** What others see of a user. */
export type PresenceContent = {
  presence: PresenceState
  status_msg?: string
  /** Milliseconds. */
  last_active_ago?: number
  currently_active?: boolean
}

type Presence = {
  state: PresenceState
  status: string | undefined
  activeAt: number | undefined
  serial: number
  /** Nobody said it: she is online as long as she has been seen lately. */
  isImplied?: boolean
}

/** How long nobody has to be heard of to count as gone. */
const goneAfterMs = 5 * 60 * 1000

/** Who is there, in memory alone. */
export class Presences {
  readonly #clock: Pick<Clock, 'now'>
  readonly #capacity: number
  /** In the order of their last change. */
  readonly #users = new Map<UserId, Presence>()
  #serial: number

  constructor(clock: Pick<Clock, 'now'>, capacity = 50_000) {
    this.#clock = clock
    this.#capacity = capacity
    // Later than anything a former run of this server gave out.
    this.#serial = clock.now()
  }

  /** Of the newest change of anybody. */
  get serial(): number {
    return this.#serial
  }

  find(userId: UserId): PresenceContent | undefined {
    const presence = this.#users.get(userId)
    return presence && this.#content(presence)
  }

  /** The user is there, although she does not say so: no news to anybody, but told to who asks or meets her. */
  see(userId: UserId): void {
    const known = this.#users.get(userId)
    if (known && !known.isImplied) return
    if (known) known.activeAt = this.#clock.now()
    else
      this.#keep(userId, {
        state: 'online',
        status: undefined,
        activeAt: this.#clock.now(),
        serial: 0,
        isImplied: true,
      })
  }

  /** True when it is news to others. */
  set(userId: UserId, state: PresenceState, status: string | undefined): boolean {
    const replaced = this.#users.get(userId)
    const activeAt = state === 'online' ? this.#clock.now() : replaced?.activeAt
    if (replaced?.state === state && replaced.status === status && !replaced.isImplied) {
      replaced.activeAt = activeAt
      return false
    }
    this.#serial = Math.max(this.#serial + 1, this.#clock.now())
    this.#users.delete(userId)
    this.#keep(userId, { state, status, activeAt, serial: this.#serial })
    return true
  }

  #keep(userId: UserId, presence: Presence): void {
    this.#users.set(userId, presence)
    const [oldest] = this.#users.keys()
    if (this.#users.size > this.#capacity && oldest !== undefined) this.#users.delete(oldest)
  }

  /** Who changed after a serial. 0: everybody who is there. */
  changes(after: number): Map<UserId, PresenceContent> {
    const changes = new Map<UserId, PresenceContent>()
    if (after >= this.#serial) return changes
    for (const [userId, presence] of this.#users)
      if (presence.serial > after || after === 0) {
        const content = this.#content(presence)
        if (after > 0 || content.presence !== 'offline') changes.set(userId, content)
      }
    return changes
  }

  #content({ state: told, status, activeAt, isImplied }: Presence): PresenceContent {
    const isGone = isImplied && this.#clock.now() - (activeAt ?? 0) > goneAfterMs
    const state = isGone ? 'offline' : told
    return {
      presence: state,
      ...(status === undefined ? {} : { status_msg: status }),
      ...(activeAt === undefined ? {} : { last_active_ago: this.#clock.now() - activeAt }),
      currently_active: state === 'online',
    }
  }
}
