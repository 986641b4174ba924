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

const maxWeight = 300_000
/** What was sent a moment ago, for all who are about to sync. */
const maxSeen = 1000

/** What is unread, by user and room, as far as anybody asked; the store can always tell again. */
export class UnreadNotifications {
  /** The least recently used first. */
  readonly #slots = new Map<string, Slot>()
  /** The newest at the end; when an event is redacted another object takes its place. */
  readonly #seen = new Map<StoredEvent, SeenEvent>()
  #weight = 0

  slot(userId: UserId, roomId: RoomId): Slot {
    const key = `${userId} ${roomId}`
    const known = this.#slots.get(key)
    const slot = known ?? { receiptMoves: 0, tally: undefined }
    if (known) this.#slots.delete(key)
    else this.#weight++
    this.#slots.set(key, slot)
    return slot
  }

  /** A slot that was dropped in the meantime takes nothing with it. */
  keep(userId: UserId, roomId: RoomId, tally: Tally): void {
    const slot = this.slot(userId, roomId)
    this.#weight += tally.notifications.length - (slot.tally?.notifications.length ?? 0)
    slot.tally = tally
    this.#dropOldest()
  }

  receiptMoved(userId: UserId, roomId: RoomId): void {
    const slot = this.#slots.get(`${userId} ${roomId}`)
    if (slot) slot.receiptMoves++
  }

  /** Parsed once for all readers, when they come soon after another. */
  seen(event: StoredEvent, see: (event: StoredEvent) => SeenEvent): SeenEvent {
    const known = this.#seen.get(event)
    if (known) return known
    const seen = see(event)
    this.#seen.set(event, seen)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > maxSeen && oldest) this.#seen.delete(oldest)
    return seen
  }

  /** The process forgets all it has counted. */
  clear(): void {
    this.#slots.clear()
    this.#seen.clear()
    this.#weight = 0
  }

  #dropOldest(): void {
    for (const [key, slot] of this.#slots) {
      if (this.#weight <= maxWeight) return
      this.#slots.delete(key)
      this.#weight -= 1 + (slot.tally?.notifications.length ?? 0)
    }
  }
}
