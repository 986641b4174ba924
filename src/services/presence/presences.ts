import type { Clock } from '#base/clock.ts'

export type PresenceState = 'online' | 'unavailable' | 'offline'

/** What others see of a user. */
export type PresenceContent = {
  presence: PresenceState
  status_msg?: string
  /** Milliseconds. */
  last_active_ago?: number
  currently_active?: boolean
}

type Presence = { state: PresenceState; status: string | undefined; activeAt: number | undefined; serial: number }

/** Who is there, in memory alone. */
export class Presences {
  readonly #clock: Pick<Clock, 'now'>
  readonly #capacity: number
  /** In the order of their last change. */
  readonly #users = new Map<string, Presence>()
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

  find(userId: string): PresenceContent | undefined {
    const presence = this.#users.get(userId)
    return presence && this.#content(presence)
  }

  /** True when it is news to others. */
  set(userId: string, state: PresenceState, status: string | undefined): boolean {
    const former = this.#users.get(userId)
    const activeAt = state === 'online' ? this.#clock.now() : former?.activeAt
    if (former?.state === state && former.status === status) {
      former.activeAt = activeAt
      return false
    }
    this.#serial = Math.max(this.#serial + 1, this.#clock.now())
    this.#users.delete(userId)
    this.#users.set(userId, { state, status, activeAt, serial: this.#serial })
    const [oldest] = this.#users.keys()
    if (this.#users.size > this.#capacity && oldest !== undefined) this.#users.delete(oldest)
    return true
  }

  /** Who changed after a serial. 0: everybody who is there. */
  changes(after: number): Map<string, PresenceContent> {
    const changes = new Map<string, PresenceContent>()
    if (after >= this.#serial) return changes
    for (const [userId, presence] of this.#users)
      if (presence.serial > after && (after > 0 || presence.state !== 'offline'))
        changes.set(userId, this.#content(presence))
    return changes
  }

  #content({ state, status, activeAt }: Presence): PresenceContent {
    return {
      presence: state,
      ...(status === undefined ? {} : { status_msg: status }),
      ...(activeAt === undefined ? {} : { last_active_ago: this.#clock.now() - activeAt }),
      currently_active: state === 'online',
    }
  }
}
