import type { EventId, RoomId } from '#protocol/ids.ts'
import type { EventStatus, EventTransaction } from './events.ts'
import type { Membership } from './members.ts'

/** An event and everything derived from it, ready to be written in one transaction. */
export type EventWrite = {
  eventId: EventId
  type: string
  stateKey: string | null
  sender: string
  originServerTs: number
  clientJson: string
  graphJson: string
  status: EventStatus
  /** Set when the event becomes the holder of its state key; answers the position since which the former holder stood there. */
  formerHolderFrom?: (() => number | undefined) | undefined
  membership?: { userId: string; membership: Membership; sender: string } | undefined
  relation?: { parentId: string; relType: string } | undefined
  transaction?: EventTransaction | undefined
  /** The event that it redacts, as it stands after the redaction. */
  redaction?: { eventId: EventId; clientJson: string; graphJson: string } | undefined
}

/** Events of one room that are written together or not at all. */
export type RoomWrite = {
  roomId: RoomId
  version: string
  /** Undefined for a room that its first event creates. */
  nid: number | undefined
  /** The line version the events were built on. */
  lineVersion: number
  /** Forward extremities after the write. */
  heads: readonly EventId[]
  depth: number
  events: readonly EventWrite[]
}

/** What a write became: the number of its room and the positions of its events, in order. */
export type Written = { nid: number; positions: number[] }
