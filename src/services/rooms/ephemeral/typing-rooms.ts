import { MoveLog } from '#base/move-log.ts'
import type { Clock } from '#base/clock.ts'
import { Coalescer } from '#base/coalescer.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** Rooms where nobody types any more whose silence is remembered, for clients that have yet to hear of it. */
const maxSilent = 1000

type Typists = {
  /** User ids to what cancels their time-outs. */
  users: Map<UserId, () => void>
  serial: number
}

const silence: Typists = { users: new Map(), serial: 0 }

export type TypingChange = { userIds: string[]; serial: number }

/** Who is typing where, in memory alone. */
export class TypingRooms {
  /** By room: announcements of changes, which a crowded room makes many of. */
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

  /** Of the newest change anywhere. */
  get serial(): number {
    return this.#serial
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

  /** Rooms whose list changed after a serial: with an empty list where the last one stopped. 0: where somebody types. */
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
