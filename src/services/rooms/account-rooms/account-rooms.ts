import type { Cache, CacheBudget } from '#base/cache.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import type { Store } from '#store/open.ts'
import type { RoomWrite, Written } from '#store/rooms/room-write.ts'
import { AccountIndex, type NewMembership } from './account-index.ts'

type Change = (index: AccountIndex) => void

/**
 * The rooms of recently active accounts: built by one query, updated with every change, and evicted when memory is
 * short. Every change is in the index before its position can be read.
 */
export class AccountRooms {
  readonly #store: Store
  readonly #indexes: Cache<UserId, AccountIndex>
  readonly #loading = new Map<UserId, Promise<AccountIndex>>()
  /** Changes during reads of indexes, which may not include them. */
  #missed: Change[] = []
  /** The accounts with an index that are joined to a room. */
  readonly #watchers = new Map<RoomId, Set<AccountIndex>>()
  /** Rooms with receipts that are being written, and how many. */
  readonly #receiptsUnderWay = new Map<RoomId, number>()

  constructor(store: Store, caches: CacheBudget) {
    this.#store = store
    this.#indexes = caches.cache({
      name: 'account_rooms',
      share: 20,
      weigh: ({ bytes }) => bytes,
      onEvict: (index) => this.#unwatch(index),
    })
    store.eventWriter.follow((write, written) => this.#take(write, written))
  }

  /** Includes everything committed before the call. Updated only while cached: use it at once. */
  async of(userId: UserId): Promise<AccountIndex> {
    return this.#indexes.get(userId) ?? this.#loading.get(userId) ?? this.#load(userId)
  }

  /** Rooms in which receipts may have moved that the index does not show yet. */
  receiptsUnderWay(): Iterable<RoomId> {
    return this.#receiptsUnderWay.keys()
  }

  /** Runs the write of a receipt, which answers its position, or undefined where it moved nothing. */
  async writeReceipt(roomId: RoomId, write: () => Promise<number | undefined>): Promise<number | undefined> {
    this.#receiptsUnderWay.set(roomId, (this.#receiptsUnderWay.get(roomId) ?? 0) + 1)
    try {
      const position = await write()
      if (position !== undefined) this.receiptAt(roomId, position)
      return position
    } finally {
      const others = (this.#receiptsUnderWay.get(roomId) ?? 1) - 1
      if (others > 0) this.#receiptsUnderWay.set(roomId, others)
      else this.#receiptsUnderWay.delete(roomId)
    }
  }

  /** A receipt was written, here or by another process. */
  receiptAt(roomId: RoomId, position: number): void {
    this.#change(this.#watchers.get(roomId) ?? [], (index) => index.receiptAt(roomId, position))
  }

  /** A user has forgotten a room. */
  forgotten(roomId: RoomId, userId: UserId): void {
    this.#changeOf(userId, (index) => index.forget(roomId))
  }

  /** The room was deleted. */
  removed(roomId: RoomId): void {
    this.#watchers.delete(roomId)
    this.#change(this.#indexes.values(), (index) => index.remove(roomId))
  }

  /** Drops the account's index: after changes that this process does not see. */
  drop(userId: UserId): void {
    const index = this.#indexes.peek(userId)
    this.#loading.delete(userId)
    if (!index) return
    this.#indexes.delete(userId)
    this.#unwatch(index)
  }

  #take({ roomId, events, members }: RoomWrite, { nid, positions }: Written): void {
    let movedAt = members?.end ? (positions[0] ?? 0) : 0
    // Whether a row counts that was there before, the store knows.
    for (const { userId } of [...(members?.entries ?? []), ...(members?.end?.memberships ?? [])]) this.drop(userId)
    events.forEach(({ status, historyPosition, memberships = [] }, at) => {
      const position = positions[at] ?? 0
      if (status === 'accepted' && historyPosition === undefined) movedAt = position
      for (const { userId, membership, sender } of memberships)
        this.#changeOf(userId, (index) => this.#put(index, { roomId, roomNid: nid, membership, sender, position }))
    })
    if (movedAt > 0) this.#change(this.#watchers.get(roomId) ?? [], (index) => index.eventAt(roomId, movedAt))
  }

  #put(index: AccountIndex, room: NewMembership, movedAt = room.position): void {
    const before = index.rooms.size
    const { roomId, membership } = index.put(room, movedAt)
    if (membership === 'join') this.#watch(roomId, index)
    else this.#watchers.get(roomId)?.delete(index)
    if (index.rooms.size > before) this.#indexes.reweigh(index.userId)
  }

  #watch(roomId: RoomId, index: AccountIndex): void {
    const watchers = this.#watchers.get(roomId)
    if (watchers) watchers.add(index)
    else this.#watchers.set(roomId, new Set([index]))
  }

  #unwatch(index: AccountIndex): void {
    for (const roomId of index.rooms.keys()) {
      const watchers = this.#watchers.get(roomId)
      if (watchers?.delete(index) && watchers.size === 0) this.#watchers.delete(roomId)
    }
  }

  #change(indexes: Iterable<AccountIndex>, change: Change): void {
    for (const index of indexes) change(index)
    if (this.#loading.size > 0) this.#missed.push(change)
  }

  #changeOf(userId: UserId, change: Change): void {
    const index = this.#indexes.peek(userId)
    if (index) change(index)
    if (this.#loading.has(userId)) this.#missed.push((other) => other.userId === userId && change(other))
  }

  #load(userId: UserId): Promise<AccountIndex> {
    const start = this.#missed.length
    const loading = this.#read(userId)
      .then(({ index, rooms }) => {
        if (this.#loading.get(userId) !== loading) return index
        for (const { lastPosition, ...room } of rooms) this.#put(index, room, lastPosition)
        for (const change of this.#missed.slice(start)) change(index)
        this.#indexes.set(userId, index)
        return index
      })
      .finally(() => {
        if (this.#loading.get(userId) === loading) this.#loading.delete(userId)
        if (this.#loading.size === 0) this.#missed = []
      })
    this.#loading.set(userId, loading)
    return loading
  }

  async #read(userId: UserId) {
    const { receipts } = await this.#store.streams.positions()
    return {
      index: new AccountIndex(userId, receipts),
      rooms: await this.#store.rooms.members.listAccountRooms(userId),
    }
  }
}
