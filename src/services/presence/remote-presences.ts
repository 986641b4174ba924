import type { Clock } from '#base/clock.ts'
import type { UserId } from '#protocol/ids.ts'
import type { PresenceState } from '#store/presences.ts'
import type { PresenceContent } from './presence-content.ts'

/** What another server says of one of its users; times in milliseconds since the epoch. */
export type RemotePresence = {
  userId: UserId
  state: PresenceState
  status: string | undefined
  activeAt: number | undefined
  isActive: boolean
}

type Known = Omit<RemotePresence, 'userId'> & { serial: number; heardAt: number }

/** Servers repeat it before, unless they are gone. */
const goneAfterMs = 30 * 60_000
/** The users heard of least recently are forgotten. */
const maxUsers = 25_000

/** The presence of users of other servers, apart from that of users here, which they must not displace. */
export class RemotePresences {
  readonly #clock: Pick<Clock, 'now'>
  /** In the order in which they were heard of. */
  readonly #users = new Map<UserId, Known>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  find(userId: UserId): PresenceContent | undefined {
    const known = this.#users.get(userId)
    return known && this.#content(known)
  }

  /** True when it changed for those who see it; `serial` is its number then. */
  hear({ userId, ...heard }: RemotePresence, serial: number): boolean {
    const known = this.#users.get(userId)
    const isNews = known?.state !== heard.state || known.status !== heard.status || known.isActive !== heard.isActive
    this.#users.delete(userId)
    this.#users.set(userId, {
      ...heard,
      heardAt: this.#clock.now(),
      serial: isNews ? serial : (known?.serial ?? serial),
    })
    const [oldest] = this.#users.keys()
    if (this.#users.size > maxUsers && oldest !== undefined) this.#users.delete(oldest)
    return isNews
  }

  /** Users of whom nothing was heard for long: they are gone. `next` gives the number of each change. */
  sweep(next: () => number): UserId[] {
    const gone: UserId[] = []
    for (const [userId, known] of this.#users) {
      if (this.#clock.now() - known.heardAt <= goneAfterMs) break
      if (known.state === 'offline') continue
      known.state = 'offline'
      known.isActive = false
      known.serial = next()
      gone.push(userId)
    }
    return gone
  }

  /** Whether anybody may time out. */
  get isLively(): boolean {
    for (const { state } of this.#users.values()) if (state !== 'offline') return true
    return false
  }

  /** Users who changed after a serial. 0: all users who are present. */
  changes(after: number): [UserId, PresenceContent][] {
    return [...this.#users].flatMap(([userId, known]) =>
      (after === 0 ? known.state !== 'offline' : known.serial > after) ? [[userId, this.#content(known)] as const] : [],
    ) as [UserId, PresenceContent][]
  }

  #content({ state, status, activeAt, isActive }: Known): PresenceContent {
    return {
      presence: state,
      ...(status !== undefined && { status_msg: status }),
      ...(activeAt !== undefined && { last_active_ago: Math.max(0, this.#clock.now() - activeAt) }),
      currently_active: isActive,
    }
  }
}
