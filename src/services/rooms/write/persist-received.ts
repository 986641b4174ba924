import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { EventStatus } from '#store/rooms/events.ts'
import type {
  BranchWrite,
  EventWrite,
  LineCorrection,
  MembershipChange,
  StateIntervalChange,
} from '#store/rooms/room-write.ts'
import type { AppendNeeds } from './append.ts'
import { authEventIdsWithCreate, describeEvent } from '#services/rooms/events/describe-event.ts'
import { commitEvents, type RoomCommit, type Uncommitted } from '#services/rooms/live/commit-events.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntryChange } from '#services/rooms/live/state-entry.ts'
import { staleRoom } from '#services/rooms/live/stale-room.ts'

/** What an event changes of the room's current state and of its forward extremities. */
export type StateTransition = {
  forwardExtremities: EventId[]
  /** State keys that change, the event's own among them; its own entry has no position yet. */
  entries: readonly StateEntryChange[]
  /** Memberships that follow from the changed keys. */
  members: readonly MembershipChange[]
}

/** An event of another server that passed or failed its checks, and what follows from it. */
export type Received = {
  pdu: Pdu
  eventId: EventId
  status: EventStatus
  /** The state before it, where that is not the room's current state. */
  branch: BranchWrite | undefined
  /** Its position as an outlier. */
  movesFrom: number | undefined
  /** Its previous events that are not here, where a gap opens below it. */
  gapEdges?: readonly EventId[] | undefined
  /** Undefined where it is not accepted, or changes neither state nor forward extremities. */
  transition: StateTransition | undefined
} & Pick<EventWrite, 'redaction' | 'awaits' | 'redacted'>

/** In place of the position of a state entry: no event holds the key. The store has the same number. */
const noEvent = 0

/** Writes an event of another server and takes it into memory; answers its position. The room must be settled. */
export async function persistReceived(ctx: AppendNeeds, room: LockedRoom, received: Received): Promise<number> {
  const { transition, pdu } = received
  const base = transition && {
    forwardExtremities: transition.forwardExtremities,
    depth: Math.max(room.depth, pdu.depth),
  }
  const [position = 0] = await commitReceived(ctx, room, { events: [uncommittedOf(room, received)], base })
  return position
}

/**
 * Lays an accepted event over the room that follows its only forward extremity, or all of them, so that the next one can
 * be judged and built on it before it is on disk.
 */
export function layReceived(room: LockedRoom, received: Received & { transition: StateTransition }): LaidEvent {
  const uncommitted = uncommittedOf(room, received)
  room.extend(received, received.transition.entries[0]?.entry)
  return uncommitted
}

/** An event that is laid over its room, and waits to be written. */
export type LaidEvent = Uncommitted

/** Writes events that were laid over the room, all or none of them, and takes them into memory. */
export async function persistLaid(ctx: AppendNeeds, room: LockedRoom, events: readonly LaidEvent[]): Promise<void> {
  await commitReceived(ctx, room, { events })
}

/** What fails because an event was stored meanwhile is to be tried again: outliers are stored whatever the revision of the room. */
async function commitReceived(ctx: AppendNeeds, room: LockedRoom, commit: RoomCommit): Promise<readonly number[]> {
  try {
    return await commitEvents(ctx, room, commit)
  } catch (error) {
    throw (await isOvertaken(ctx, commit).catch(() => false)) ? staleRoom(error) : error
  }
}

async function isOvertaken({ store }: AppendNeeds, { events }: RoomCommit): Promise<boolean> {
  const stored = await store.rooms.events.findMany(events.map(({ write }) => write.eventId))
  const positions = new Map(stored.map(({ eventId, position }) => [eventId, position]))
  return events.some(({ write: { eventId, movesFrom } }) => (positions.get(eventId) ?? movesFrom) !== movesFrom)
}

const uncommittedOf = (room: LiveRoom, received: Received): Uncommitted => ({
  write: writeOf(room, received),
  change: changeOf(received),
})

function writeOf(room: LiveRoom, received: Received): EventWrite {
  const { pdu, eventId, status, branch, movesFrom, transition, redaction, awaits, redacted } = received
  const isAccepted = status === 'accepted'
  const described = describeEvent({ pdu, eventId })
  return {
    ...described,
    status,
    branch,
    movesFrom,
    authIds:
      pdu.state_key !== undefined && status !== 'rejected' ? authEventIdsWithCreate(pdu, room.version) : undefined,
    gapEdges: isAccepted ? received.gapEdges : undefined,
    relation: isAccepted && !redacted ? described.relation : undefined,
    intervals: transition?.entries.map((change) => intervalOf(room, change, eventId)) ?? [],
    memberships: transition?.members.map((member) => memberWrite(room, member)) ?? [],
    redaction,
    awaits,
    redacted,
  }
}

/** A change of the current state that no event makes. */
export const lineCorrection = (
  room: LiveRoom,
  { entries, members }: Omit<StateTransition, 'forwardExtremities'>,
): LineCorrection => ({
  intervals: entries.map((change) => intervalOf(room, change)),
  memberships: members.map((member) => memberWrite(room, member)),
})

const memberWrite = (room: LiveRoom, member: MembershipChange) => ({
  ...member,
  previous: room.nextMembership(member.userId),
})

function intervalOf(room: LiveRoom, { type, stateKey, entry }: StateEntryChange, own?: EventId): StateIntervalChange {
  const interval = { type, stateKey, isHeld: room.nextStateEntry(type, stateKey) !== undefined }
  return own !== undefined && entry?.eventId === own ? interval : { ...interval, entry: entry?.position ?? noEvent }
}

/** Readers see only what is accepted. */
function changeOf({ pdu, eventId, status, transition, redaction, redacted }: Received): Uncommitted['change'] {
  if (status !== 'accepted') return undefined
  const entries = transition?.entries ?? []
  const isOwn = entries.every(({ entry }) => entry?.eventId === eventId)
  return {
    entries,
    members: transition?.members ?? [],
    isPlain: isOwn && (pdu.state_key === undefined) === (entries.length === 0),
    redacted: [
      ...(redaction ? [{ ...redaction, redactedBy: eventId }] : []),
      ...(redacted ? [{ ...redacted, eventId, redactedBy: redacted.by }] : []),
    ],
  }
}
