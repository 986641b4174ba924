import { recentMap } from '#base/recent-map.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

/** How far a user of another server has read; `ts`: when, as that server says. */
export type RemoteReceipt = {
  userId: UserId
  eventId: EventId
  threadId: string | undefined
  ts: number | undefined
}

/** Rooms for which receipts are kept, and how many for each; more are dropped. */
const maxRooms = 1000
const maxReceipts = 100
/** So many times the room gets events without the one that a receipt names before it is dropped. */
const maxLooks = 5

type Early = { receipt: RemoteReceipt; looks: number }

/** Receipts of other servers for events that are not here yet: those may come a moment later, or in the same transaction. */
export class EarlyReceipts {
  readonly #rooms = recentMap<RoomId, Early[]>(maxRooms)

  has(roomId: RoomId): boolean {
    return this.#rooms.has(roomId)
  }

  keep(roomId: RoomId, receipts: readonly Early[]): void {
    const kept = [...(this.#rooms.get(roomId) ?? []), ...receipts.filter(({ looks }) => looks < maxLooks)]
    if (kept.length > 0) this.#rooms.set(roomId, kept.slice(-maxReceipts))
  }

  /** Takes out those of a room, to look for their events again. */
  take(roomId: RoomId): Early[] {
    const early = this.#rooms.get(roomId) ?? []
    this.#rooms.delete(roomId)
    return early.map(({ receipt, looks }) => ({ receipt, looks: looks + 1 }))
  }
}
