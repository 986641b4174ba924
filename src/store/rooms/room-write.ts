import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { Branch } from './event-branches.ts'
import type { EventStatus, EventTransaction } from './events.ts'
import type { HistoryGap } from './history-gaps.ts'
import type { Membership } from './members.ts'

/** Positions that a gap keeps free for history. */
export const gapSize = 1_000_000

/** In place of an event's position: no event holds the state key. */
export const noEvent = 0

/** A state key that another event holds from now on. */
export type StateIntervalChange = Readonly<{
  type: string
  stateKey: string
  /** Position of that event, or `noEvent`; the event that is written unless given. */
  entry?: number
  /** Whether an event holds it until then. */
  isHeld: boolean
}>

export type BranchWrite = Omit<Branch, 'basePosition'> & Readonly<{ basePosition: number | undefined }>

export type MembershipChange = Readonly<{ userId: UserId; membership: Membership; sender: UserId }>

/** A change with the membership that it replaces. */
export type MemberWrite = MembershipChange & Readonly<{ previous: Membership | undefined }>

/** An event and everything derived from it, ready to be written in one transaction. */
export type EventWrite = Readonly<{
  eventId: EventId
  type: string
  stateKey: string | null
  sender: UserId
  originServerTs: number
  clientJson: string
  graphJson: string
  status: EventStatus
  /** It is not in the timeline: its position is negative, and no event follows it yet. */
  isOutlier?: boolean
  /** Its place in the history of the room, where that is filled from other servers. */
  historyPosition?: number | undefined
  /** Set where its previous events could not be had: a gap of free positions opens below it. */
  gapEdges?: readonly EventId[] | undefined
  /** The position of an outlier that comes into the timeline now, or of an event that was rejected wrongly; its row exists. */
  movesFrom?: number | undefined
  /** Its changes of the current state. */
  intervals?: readonly StateIntervalChange[]
  /** The state before it, where that is not the current state; without position it builds on the current state after the event. */
  branch?: BranchWrite | undefined
  /** Set on state events that the rules allow: their auth events, the create event included. */
  authIds?: readonly EventId[] | undefined
  memberships?: readonly MemberWrite[]
  /** Set on the member event of a user here in a room that this server is not in: it is kept apart from the room's events. */
  outside?: Readonly<{ userId: UserId; shownState: string; servers: readonly ServerName[] }> | undefined
  relation?: { parentId: EventId; relType: string } | undefined
  transaction?: EventTransaction | undefined
  /** The event that it redacts, as it is after the redaction. */
  redaction?: { eventId: EventId; clientJson: string; graphJson: string } | undefined
  /** Its target, where that has not been received yet. */
  awaits?: EventId | undefined
  /** Set where its redaction was received before it. */
  redacted?: { clientJson: string; graphJson: string; by: EventId } | undefined
}>

/** The membership of a user that was in force when one of ours joined. */
export type PastMember = MembershipChange &
  Readonly<{
    eventId: EventId
    /** Position of the member event. */
    position: number
    /** Position at which another took its place; undefined: it is in force. */
    to: number | undefined
  }>

/** Members of a room that a join had left out, some at a time. */
export type MembersWrite = Readonly<{
  joinEventId: EventId
  /** Position of the join. */
  from: number
  entries: readonly PastMember[]
  /** What is known better then of events that came meanwhile. */
  corrections?: readonly Correction[] | undefined
  /** Set where all members are here then. Such a write takes a position. */
  end?: LineCorrection | undefined
}>

/** What is known better of an event of the timeline. */
export type Correction = Readonly<{
  position: number
  /** That it was not allowed. */
  status?: Exclude<EventStatus, 'accepted' | 'outlier'> | undefined
  /** The state before it. */
  branch?: Branch | undefined
}>

/** What of the current state was wrong for want of members; nothing where it is empty. */
export type LineCorrection = Readonly<{
  intervals: readonly StateIntervalChange[]
  memberships: readonly MemberWrite[]
}>

/** Events of one room that are written together or not at all. */
export type RoomWrite = Readonly<{
  roomId: RoomId
  version: string
  /** Undefined for a room that its first event creates. */
  nid: number | undefined
  /** The revision the events were built on; undefined for outliers, which fit any. */
  revision: number | undefined
  /** Forward extremities after the write. */
  forwardExtremities: readonly EventId[]
  depth: number
  /** Position of the newest accepted event before the write. */
  lastPosition: number
  /** Whether a new room is listed in the directory. */
  isPublished?: boolean | undefined
  /** Whether the room is a placeholder from now on: true for a new one, false with the first join of a local user. */
  isPlaceholder?: boolean | undefined
  /** A gap that events of the write fill. */
  gap?: Pick<HistoryGap, 'position' | 'nextPosition' | 'edges'> | undefined
  events: readonly EventWrite[]
  /** Members that a join had left out. */
  members?: MembersWrite | undefined
  /** Resolves once the events are whole, and can be written; never rejects. */
  ready?: Promise<unknown> | undefined
}>

/** What a write became: the number of its room and the positions of its events, in order, or that of the last members. */
export type Written = Readonly<{ nid: number; positions: readonly number[] }>
