import { MoveLog } from '#base/move-log.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import type { Membership } from '#store/rooms/members.ts'

/** An account's membership of a room. */
export type AccountRoom = {
  readonly roomId: RoomId
  readonly roomNid: number
  membership: Membership
  /** Who sent the account's member event. */
  sender: UserId
  /** Position of that event. */
  position: number
  /** The account has left and forgotten it. */
  isForgotten: boolean
}

/** A membership from an event or a row of the store; an event does not have `isForgotten`. */
export type NewMembership = Omit<AccountRoom, 'isForgotten'> & { isForgotten?: boolean }

/** Bytes of a room in the index: the record, its entries in maps and logs, and the ids. */
const roomBytes = 450

/**
 * The rooms of one account, and which of them moved since a position of a stream. A joined room moves with its every
 * event and receipt, any other with the account's own membership alone.
 */
export class AccountIndex {
  readonly userId: UserId
  /** Receipts up to this position of their stream are not in the index. */
  readonly receiptsFrom: number
  readonly #rooms = new Map<RoomId, AccountRoom>()
  readonly #events = new MoveLog<AccountRoom>()
  readonly #receipts = new MoveLog<AccountRoom>()

  constructor(userId: UserId, receiptsFrom: number) {
    this.userId = userId
    this.receiptsFrom = receiptsFrom
  }

  get bytes(): number {
    return this.#rooms.size * roomBytes
  }

  /** Every room the account has a membership in. */
  get rooms(): ReadonlyMap<RoomId, AccountRoom> {
    return this.#rooms
  }

  /** Adds a room, or a new membership in it. */
  put(room: NewMembership, movedAt: number): AccountRoom {
    const known = this.#rooms.get(room.roomId)
    if (known && known.position > room.position) return known
    // A forgotten room stays forgotten until the user is invited, knocks or joins again.
    const stays = known !== undefined && known.isForgotten && isOutside(known) && isOutside(room)
    const taken = { ...room, isForgotten: room.isForgotten ?? stays }
    const kept = known ? Object.assign(known, taken) : taken
    this.#rooms.set(kept.roomId, kept)
    this.#events.moved(kept, movedAt)
    return kept
  }

  remove(roomId: RoomId): void {
    const room = this.#rooms.get(roomId)
    if (!room) return
    this.#rooms.delete(roomId)
    this.#events.delete(room)
    this.#receipts.delete(room)
  }

  forget(roomId: RoomId): void {
    const room = this.#rooms.get(roomId)
    if (room) room.isForgotten = true
  }

  eventAt(roomId: RoomId, position: number): void {
    const room = this.#rooms.get(roomId)
    if (room) this.#events.moved(room, position)
  }

  receiptAt(roomId: RoomId, position: number): void {
    const room = this.#rooms.get(roomId)
    if (room) this.#receipts.moved(room, position)
  }

  /** Rooms with an event after a position, or in which the account's membership changed after it. */
  eventsSince(position: number): AccountRoom[] {
    return this.#events.since(position)
  }

  /** Rooms with a receipt after a position of that stream; undefined where the index does not reach back so far. */
  receiptsSince(position: number): AccountRoom[] | undefined {
    return position < this.receiptsFrom ? undefined : this.#receipts.since(position)
  }
}

const isOutside = ({ membership }: Pick<AccountRoom, 'membership'>): boolean =>
  membership === 'leave' || membership === 'ban'
