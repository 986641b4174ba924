import type { StoredEvent } from '#store/rooms/events.ts'
import type { MembershipChange } from '#store/rooms/room-write.ts'
import type { StateEntryChange } from './state-entry.ts'

/** An event as a redaction leaves it. */
export type RedactedEvent = Pick<StoredEvent, 'eventId' | 'clientJson' | 'redactedBy'>

/** What a committed event changes for readers of the room. */
export type CommittedChange = {
  event: StoredEvent
  entries: readonly StateEntryChange[]
  members: readonly Pick<MembershipChange, 'userId' | 'membership'>[]
  /** Whether it changed no other state than its own. */
  isPlain: boolean
  redacted: readonly RedactedEvent[]
}
