import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { Appended, AppendNeeds } from './append-needs.ts'
import type { StateEntry, LiveRoom } from '#services/rooms/live/live-room.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/auth-event-ids.ts'
import { describeEvent, membershipsOf, storedEvent } from '#services/rooms/events/describe-event.ts'

/** An event that is built and authorized and waits for its commit. */
export type Staged = {
  pdu: Pdu
  eventId: EventId
  /** Set by its commit. */
  position: number | undefined
  /** Set on state events. */
  entry: StateEntry | undefined
  /** Whether somebody held the key before, committed or waiting as well. */
  isHeld: boolean
  transaction: EventTransaction | undefined
  /** The event it redacts, as it will stand. */
  redaction?: EventWrite['redaction']
  awaits?: EventWrite['awaits']
}

type Batch = {
  staged: readonly Staged[]
  answers: readonly (Appended | Staged)[]
  /** Of a new room. */
  isPublished?: boolean | undefined
}

/** Hands events to the writer, takes them into memory once they are on disk, and wakes whom they concern. */
export async function commitWrite(ctx: AppendNeeds, room: LiveRoom, batch: Batch): Promise<Appended[]> {
  const writing = batch.staged.length === 0 ? undefined : write(ctx, room, batch)
  if (writing) room.lastWrite = writing.catch(() => {})
  await writing
  return batch.answers.map(({ eventId, position = 0 }) => ({ eventId, position }))
}

async function write(ctx: AppendNeeds, room: LiveRoom, { staged, isPublished }: Batch): Promise<void> {
  const events = staged.map((one) => eventWrite(one, room.version))
  const revision = room.revision++
  room.pendingWrites++
  try {
    await ctx.store.eventWriter.write(
      {
        roomId: room.roomId,
        version: room.version.id,
        nid: room.nid,
        revision,
        forwardExtremities: room.forwardExtremities,
        depth: room.depth,
        lastPosition: room.lastPosition,
        isPublished,
        events,
      },
      ({ nid, positions }) => {
        room.nid = nid
        staged.forEach((one, index) =>
          take(room, one, { write: events[index] as EventWrite, position: positions[index] ?? 0 }),
        )
        announce(ctx, room, events)
      },
    )
  } catch (error) {
    room.isBroken = true
    throw error
  } finally {
    room.pendingWrites--
  }
}

/** Makes a committed event visible to readers. */
function take(room: LiveRoom, staged: Staged, { write, position }: { write: EventWrite; position: number }): void {
  staged.position = position
  room.commit(storedEvent(room, write, position), staged.entry, write.memberships?.[0])
  if (staged.redaction) room.redact({ ...staged.redaction, redactedBy: staged.eventId })
}

/**
 * Tells whom of this server's users committed events concern: the room's members, and those whose membership changed.
 * Called while the commit is taken into memory, before the position of the stream moves past it.
 */
export function announce(
  ctx: Pick<Context, 'bus' | 'signingKey'>,
  room: LiveRoom,
  events: readonly Pick<EventWrite, 'memberships'>[],
): void {
  const userIds = [...room.localUsers]
  const changed = events.flatMap(({ memberships = [] }) => memberships)
  for (const { userId } of changed) if (serverOf(userId) === ctx.signingKey.serverName) userIds.push(userId)
  ctx.bus.publish(eventsCommitted, {
    roomId: room.roomId,
    position: room.lastPosition,
    userIds,
    changesMembers: changed.length > 0,
  })
}

function eventWrite(
  { pdu, eventId, entry, isHeld, transaction, redaction, awaits }: Staged,
  version: RoomVersion,
): EventWrite {
  return {
    ...describeEvent({ pdu, eventId }),
    status: 'accepted',
    intervals: entry ? [{ type: entry.type, stateKey: entry.stateKey, isHeld }] : [],
    authIds: entry && authEventIdsWithCreate(pdu, version),
    memberships: entry ? membershipsOf(pdu) : [],
    transaction,
    redaction,
    awaits,
  }
}
