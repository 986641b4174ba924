import { MoveLog } from '#base/move-log.ts'
import type { Clock } from '#base/clock.ts'
import { Coalescer } from '#base/coalescer.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** Rooms without typing users that are remembered, for clients that have not seen the empty list yet. */
const maxSilent = 1000

type Typists = {
  /** User id to the function that cancels the timeout. */
  users: Map<UserId, () => void>
  serial: number
}

const silence: Typists = { users: new Map(), serial: 0 }

export type TypingChange = { userIds: string[]; serial: number }

/** The typing users of rooms, in memory alone. */
export class TypingRooms {
  /** By room: throttles announcements, of which a busy room has many. */
  readonly announcements: Coalescer
  readonly #clock: Clock
  /** In the order of their last change. */
  readonly #rooms = new Map<RoomId, Typists>()
  readonly #moves = new MoveLog<RoomId>()
  #silent = 0
  #serial: number

  constructor(clock: Clock, onError: (error: unknown) => void = () => {}) {
    this.#clock = clock
    this.announcements = new Coalescer(clock, { burst: 5, everyMs: 250, onError })
    // Greater than any serial of an earlier run of this server.
    this.#serial = clock.now()
  }

  /** The serial of the newest change. */
  get serial(): number {
    return this.#serial
  }

  /** Rooms with typing users. */
  lively(): RoomId[] {
    return [...this.#rooms].flatMap(([roomId, { users }]) => (users.size > 0 ? [roomId] : []))
  }

  /** Who types in a room. */
  in(roomId: RoomId): UserId[] {
    return [...(this.#rooms.get(roomId) ?? silence).users.keys()]
  }

  /** The user types for so many milliseconds, or until she stops; `onEnd` hears of the former. True when the list changed. */
  start({ roomId, userId }: { roomId: RoomId; userId: UserId }, timeout: number, onEnd: () => void): boolean {
    const typists = this.#rooms.get(roomId) ?? this.#open(roomId)
    const known = typists.users.get(userId)
    known?.()
    const cancel = this.#clock.after(timeout, () => {
      if (this.stop({ roomId, userId })) onEnd()
    })
    typists.users.set(userId, cancel)
    if (known) return false
    if (typists.users.size === 1) this.#silent--
    this.#changed(roomId, typists)
    return true
  }

  /** True when the list changed. */
  stop({ roomId, userId }: { roomId: RoomId; userId: UserId }): boolean {
    const typists = this.#rooms.get(roomId)
    const cancel = typists?.users.get(userId)
    if (!typists || !cancel) return false
    cancel()
    typists.users.delete(userId)
    if (typists.users.size === 0) this.#silent++
    this.#changed(roomId, typists)
    this.#forgetSilent()
    return true
  }

  /** Rooms whose list changed after a serial, also to an empty one. 0: rooms with typing users. */
  changes(after: number): Map<RoomId, TypingChange> {
    const changes = new Map<RoomId, TypingChange>()
    if (after >= this.#serial) return changes
    for (const roomId of after > 0 ? this.#moves.since(after) : this.#rooms.keys()) {
      const { users, serial } = this.#rooms.get(roomId) ?? silence
      if (after > 0 || users.size > 0) changes.set(roomId, { userIds: [...users.keys()], serial })
    }
    return changes
  }

  #open(roomId: RoomId): Typists {
    const typists: Typists = { users: new Map(), serial: 0 }
    this.#rooms.set(roomId, typists)
    this.#silent++
    return typists
  }

  #changed(roomId: RoomId, typists: Typists): void {
    this.#serial = Math.max(this.#serial + 1, this.#clock.now())
    typists.serial = this.#serial
    this.#rooms.delete(roomId)
    this.#rooms.set(roomId, typists)
    this.#moves.moved(roomId, typists.serial)
  }

  #forgetSilent(): void {
    for (const [roomId, { users }] of this.#rooms) {
      if (this.#silent <= maxSilent) return
      if (users.size > 0) continue
      this.#rooms.delete(roomId)
      this.#moves.delete(roomId)
      this.#silent--
    }
  }
}
