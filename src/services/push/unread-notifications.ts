import type { Cache, CacheBudget } from '#base/cache.ts'
import type { FlatEvent } from '#protocol/push/push-conditions.ts'
import type { CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

/** An unread event that its reader's rules notify of. */
export type UnreadNotification = {
  position: number
  eventId: EventId
  threadId: string
  isHighlight: boolean
  /** Its number among the events that were looked at. */
  ordinal: number
}

export type UnreadCount = { notification_count: number; highlight_count: number }

export type UnreadCounts = {
  /** The main timeline alone. */
  main: UnreadCount
  /** By the id of the thread's root; threads with nothing unread are left out. */
  threads: Record<string, UnreadCount>
  total: UnreadCount
}

/** Positions up to which a user has read: everywhere, and by thread. */
export type ReadPositions = { everywhere: number | undefined; threads: ReadonlyMap<string, number> }

/** What is unread for one user in one room, as of a position. */
export type Tally = {
  /** By these rules. */
  ruleset: CompiledRuleset
  /** Without these senders. */
  ignored: ReadonlySet<UserId>
  /** Events up to here were looked at. */
  upTo: number
  /** How many events were looked at. */
  lookedAt: number
  /** Position of the newest event looked at that another user sent. */
  lastOther: number
  /** Of the room as the rules saw it, once they had to look. */
  roomVersion: string | undefined
  /** `receiptMoves` of the slot when `read` was read. */
  receiptMoves: number
  read: ReadPositions
  notifications: readonly UnreadNotification[]
  counts: UnreadCounts
}

type Slot = { receiptMoves: number; tally: Tally | undefined }

/** An event as all of its readers' rules look at it. */
export type SeenEvent = { flat: FlatEvent; threadId: string }

/** Bytes of a tally with its maps, and of a notification in it. */
const tallyBytes = 600
const notificationBytes = 160

/** What is unread, by user and room, as far as anybody asked; the store can always tell again. */
export class UnreadNotifications {
  readonly #slots: Cache<string, Slot>
  /** When an event is redacted another object takes its place. */
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
    // No number comes twice: a tally of a slot that was dropped meanwhile must not pass for one of this.
    const slot = { receiptMoves: ++this.#moves, tally: undefined }
    this.#slots.set(key, slot)
    return slot
  }

  /** A slot that was dropped in the meantime takes nothing with it. */
  keep(userId: UserId, roomId: RoomId, tally: Tally): void {
    this.slot(userId, roomId).tally = tally
    this.#slots.reweigh(`${userId} ${roomId}`)
  }

  receiptMoved(userId: UserId, roomId: RoomId): void {
    const slot = this.#slots.peek(`${userId} ${roomId}`)
    if (slot) slot.receiptMoves = ++this.#moves
  }

  /** Parsed once for all readers, when they come soon after another. */
  seen(event: StoredEvent, see: (event: StoredEvent) => SeenEvent): SeenEvent {
    const known = this.#seen.get(event)
    if (known) return known.seen
    const seen = see(event)
    // Keys and texts of the flat event are copies of what the JSON holds, beside the event itself, which stays with it.
    this.#seen.set(event, { seen, bytes: 500 + 5 * event.clientJson.length + event.graphJson.length })
    return seen
  }
}
