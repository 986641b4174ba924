import type { Cache, CacheBudget } from '#base/cache.ts'
import type { FlatEvent } from '#protocol/push/push-conditions.ts'
import type { CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

/** An unread event that the push rules of its reader notify of. */
export type UnreadNotification = {
  position: number
  eventId: EventId
  threadId: string
  isHighlight: boolean
  /** Its number among the evaluated events. */
  ordinal: number
}

export type UnreadCount = { notification_count: number; highlight_count: number }

export type UnreadCounts = {
  /** The main timeline alone. */
  main: UnreadCount
  /** By thread root; threads with nothing unread are left out. */
  threads: Record<string, UnreadCount>
  total: UnreadCount
}

/** Positions up to which a user has read: everywhere, and by thread. */
export type ReadPositions = { everywhere: number | undefined; threads: ReadonlyMap<string, number> }

/** What is unread for one user in one room, as of a position. */
export type Tally = {
  /** By these rules. */
  ruleset: CompiledRuleset
  /** Senders who were ignored. */
  ignored: ReadonlySet<UserId>
  /** Events up to this position have been evaluated. */
  upTo: number
  /** How many events were evaluated. */
  lookedAt: number
  /** Position of the newest evaluated event of another user. */
  lastOther: number
  /** The version of the room that conditions were evaluated on, if any was. */
  roomVersion: string | undefined
  /** `receiptMoves` of the slot when `read` was read. */
  receiptMoves: number
  read: ReadPositions
  notifications: readonly UnreadNotification[]
  counts: UnreadCounts
}

type Slot = { receiptMoves: number; tally: Tally | undefined }

/** An event as the push rules of all readers evaluate it. */
export type SeenEvent = { flat: FlatEvent; threadId: string }

/** Bytes of a tally with its maps, and of a notification in it. */
const tallyBytes = 600
const notificationBytes = 160

/** Cached tallies by user and room; they can always be recomputed. */
export class UnreadNotifications {
  readonly #slots: Cache<string, Slot>
  /** By object: a redaction replaces the object of the event. */
  readonly #seen: Cache<StoredEvent, { seen: SeenEvent; bytes: number }>

  #moves = 0

  constructor(caches: CacheBudget) {
    this.#slots = caches.cache({
      name: 'unread',
      share: 10,
      weigh: ({ tally }) =>
        tally ? tallyBytes + (tally.notifications.length + tally.read.threads.size) * notificationBytes : 0,
    })
    this.#seen = caches.cache({ name: 'seen_events', share: 5, weigh: ({ bytes }) => bytes })
  }

  slot(userId: UserId, roomId: RoomId): Slot {
    const key = `${userId} ${roomId}`
    const known = this.#slots.get(key)
    if (known) return known
    // Numbers are unique: a tally of a dropped slot must not be taken for one of this slot.
    const slot = { receiptMoves: ++this.#moves, tally: undefined }
    this.#slots.set(key, slot)
    return slot
  }

  /** Ignored for a slot that was dropped in the meantime. */
  keep(userId: UserId, roomId: RoomId, tally: Tally): void {
    this.slot(userId, roomId).tally = tally
    this.#slots.reweigh(`${userId} ${roomId}`)
  }

  receiptMoved(userId: UserId, roomId: RoomId): void {
    const slot = this.#slots.peek(`${userId} ${roomId}`)
    if (slot) slot.receiptMoves = ++this.#moves
  }

  /** Parsed once for all readers, as long as it stays cached. */
  seen(event: StoredEvent, see: (event: StoredEvent) => SeenEvent): SeenEvent {
    const known = this.#seen.get(event)
    if (known) return known.seen
    const seen = see(event)
    // Keys and texts of the flat event are copies of what the JSON holds, beside the event itself, which stays with it.
    this.#seen.set(event, { seen, bytes: 500 + 5 * event.clientJson.length })
    return seen
  }
}
