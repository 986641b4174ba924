import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { EventStatus } from '#store/rooms/events.ts'
import type { BranchWrite, EventWrite, MemberWrite, SpanChange } from '#store/rooms/room-write.ts'
import type { AppendNeeds } from './append-needs.ts'
import { announce } from './persist-built.ts'
import { describeEvent, storedEvent } from '#services/rooms/events/describe-event.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/auth-event-ids.ts'
import type { StateEntryChange, LiveRoom } from '#services/rooms/live/live-room.ts'
import { staleRoom } from '#services/rooms/live/stale-room.ts'

/** What an event does to the room's line; nothing where it is not accepted, or finds no room among the heads. */
export type StateTransition = {
  forwardExtremities: EventId[]
  /** State keys that change, the event's own among them; its own holder has no position yet. */
  entries: readonly StateEntryChange[]
  /** Memberships that follow from the changed keys. */
  members: readonly MemberWrite[]
}

/** An event of another server that was judged, and what follows from it. */
export type Received = {
  pdu: Pdu
  eventId: EventId
  status: EventStatus
  /** The state before it, where that is not the line. */
  branch: BranchWrite | undefined
  /** Its position as an outlier. */
  movesFrom: number | undefined
  transition: StateTransition | undefined
} & Pick<EventWrite, 'redaction' | 'awaits' | 'redacted'>

/** In place of a position in `holder`: nobody. The store has the same number. */
const nobody = 0

/** Writes an event of another server and takes it into memory; answers its position. The line must have settled. */
export async function persistReceived(ctx: AppendNeeds, room: LiveRoom, received: Received): Promise<number> {
  const write = writeOf(room, received)
  const { transition } = received
  const revision = room.revision++
  const depth = transition ? Math.max(room.depth, received.pdu.depth) : room.depth
  room.pendingWrites++
  try {
    const written = await ctx.store.eventWriter.write(
      {
        roomId: room.roomId,
        version: room.version.id,
        nid: room.nid,
        revision,
        forwardExtremities: transition?.forwardExtremities ?? room.forwardExtremities,
        depth,
        lastPosition: room.lastPosition,
        events: [write],
      },
      ({ nid, positions }) => {
        room.nid = nid
        room.depth = depth
        take(room, received, { write, position: positions[0] ?? 0 })
        if (write.status === 'accepted') announce(ctx, room, [write])
      },
    )
    return written.positions[0] ?? 0
  } catch (error) {
    room.isBroken = true
    throw (await isOvertaken(ctx, received).catch(() => false)) ? staleRoom(error) : error
  } finally {
    room.pendingWrites--
  }
}

/** Whether the event was stored meanwhile: as an outlier it enters without regard to where the room stands. */
async function isOvertaken({ store }: AppendNeeds, { eventId, movesFrom }: Received): Promise<boolean> {
  const stored = await store.rooms.events.find(eventId)
  return stored !== undefined && stored.position !== movesFrom
}

function writeOf(room: LiveRoom, received: Received): EventWrite {
  const { pdu, eventId, status, branch, movesFrom, transition, redaction, awaits, redacted } = received
  const described = describeEvent({ pdu, eventId })
  return {
    ...described,
    status,
    branch,
    movesFrom,
    authIds:
      pdu.state_key !== undefined && status !== 'rejected' ? authEventIdsWithCreate(pdu, room.version) : undefined,
    relation: status === 'accepted' && !redacted ? described.relation : undefined,
    intervals: transition?.entries.map((change) => spanOf(room, change, eventId)) ?? [],
    memberships: transition?.members ?? [],
    redaction,
    awaits,
    redacted,
  }
}

function spanOf(room: LiveRoom, { type, stateKey, entry }: StateEntryChange, own: EventId): SpanChange {
  const interval = { type, stateKey, isHeld: room.entry(type, stateKey) !== undefined }
  return entry?.eventId === own ? interval : { ...interval, entry: entry?.position ?? nobody }
}

type Taken = { write: EventWrite; position: number }

function take(
  room: LiveRoom,
  { eventId, status, transition, redaction, redacted }: Received,
  { write, position }: Taken,
): void {
  if (status !== 'accepted') return
  const event = storedEvent(room, write, position)
  for (const { entry } of transition?.entries ?? []) {
    if (!entry) continue
    entry.from = position
    if (entry.eventId === eventId) entry.position = position
  }
  room.commit(event, undefined, undefined)
  if (transition) {
    room.forwardExtremities = transition.forwardExtremities
    const isPlain = transition.entries.every(({ entry }) => entry?.eventId === eventId)
    room.merge(event, {
      ...transition,
      isPlain: isPlain && (write.stateKey === null) === (transition.entries.length === 0),
    })
  } else if (write.stateKey !== null) room.merge(event, { entries: [], members: [], isPlain: false })
  if (redaction) room.redact({ ...redaction, redactedBy: eventId })
  if (redacted) room.redact({ ...redacted, eventId, redactedBy: redacted.by })
}
