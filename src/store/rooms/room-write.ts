import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { Branch } from './event-branches.ts'
import type { EventStatus, EventTransaction } from './events.ts'
import type { Membership } from './members.ts'

/** In place of an event's position: nobody holds the state key. */
export const nobody = 0

/** A state key that gets another holder on the room's line. */
export type SpanChange = {
  type: string
  stateKey: string
  /** Position of the holder, or `nobody`; the event that is written unless given. */
  entry?: number
  /** Whether somebody holds it until then. */
  isHeld: boolean
}

export type BranchWrite = Omit<Branch, 'basePosition'> & { basePosition: number | undefined }

export type MemberWrite = {
  userId: UserId
  membership: Membership
  sender: UserId
  /** The membership that it replaces. */
  former?: Membership | undefined
}

/** An event and everything derived from it, ready to be written in one transaction. */
export type EventWrite = {
  eventId: EventId
  type: string
  stateKey: string | null
  sender: UserId
  originServerTs: number
  clientJson: string
  graphJson: string
  status: EventStatus
  /** It has no place in the timeline: its position is negative, and nobody follows it yet. */
  isOutlier?: boolean
  /** The position of an outlier that gets its place now; all else of it is on disk. */
  movesFrom?: number | undefined
  /** What it changes on the room's line. */
  intervals?: readonly SpanChange[]
  /** The state before it, where that is not the line; without position it is told from the line just after the event. */
  branch?: BranchWrite | undefined
  /** Set on state events that the rules allow: what they rest on, the create event included. */
  authIds?: readonly EventId[] | undefined
  memberships?: readonly MemberWrite[]
  relation?: { parentId: EventId; relType: string } | undefined
  transaction?: EventTransaction | undefined
  /** The event that it redacts, as it stands after the redaction. */
  redaction?: { eventId: EventId; clientJson: string; graphJson: string } | undefined
  /** What it redacts, where that is not here yet. */
  awaits?: EventId | undefined
  /** Itself as it stands, where its redaction came before it. */
  redacted?: { clientJson: string; graphJson: string; by: EventId } | undefined
}

/** Events of one room that are written together or not at all. */
export type RoomWrite = {
  roomId: RoomId
  version: string
  /** Undefined for a room that its first event creates. */
  nid: number | undefined
  /** The line version the events were built on; undefined for outliers, which fit any. */
  revision: number | undefined
  /** Forward extremities after the write. */
  forwardExtremities: readonly EventId[]
  depth: number
  /** Position of the newest accepted event before the write. */
  lastPosition: number
  /** Whether a new room is listed in the directory. */
  isPublished?: boolean | undefined
  events: readonly EventWrite[]
}

/** What a write became: the number of its room and the positions of its events, in order. */
export type Written = { nid: number; positions: number[] }
