import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { serverOf, type EventId } from '#protocol/ids.ts'
import type { EventWrite, RoomWrite } from '#store/rooms/room-write.ts'
import { storedEvent } from '#services/rooms/events/describe-event.ts'
import type { LockedRoom } from './live-room.ts'
import type { StateMove } from './state-entry.ts'
import type { CommittedChange } from './committed-change.ts'

/** An event ready to be written, and what it changes for readers; undefined where they do not see it. */
export type Uncommitted = {
  write: EventWrite
  change: Omit<CommittedChange, 'event'> | undefined
  /** Of an event of our own: resolves once its signature is in `write`. */
  signed?: Promise<void>
}

export type RoomCommit = {
  events: readonly Uncommitted[]
  /** Where the events lead, if that was not laid over the room before. */
  base?: { forwardExtremities: readonly EventId[]; depth: number } | undefined
  /** A gap in the history that the events fill. */
  gap?: RoomWrite['gap']
  /** Of a new room: whether it is listed in the directory. */
  isPublished?: boolean | undefined
}

/**
 * Hands events to the event writer and takes them into memory once they are on disk, before they can be read there;
 * whom they concern is woken in the same turn of the event loop.
 * Answers their positions. What fails breaks the room: all that was built on it is void.
 */
export async function commitEvents(
  ctx: Pick<Context, 'store' | 'bus' | 'signingKey'>,
  room: LockedRoom,
  { events, base, gap, isPublished }: RoomCommit,
): Promise<readonly number[]> {
  const writes = events.map(({ write }) => write)
  const writing = ctx.store.eventWriter.write(
    {
      roomId: room.roomId,
      version: room.version.id,
      nid: room.nid,
      revision: room.beginWrite(),
      forwardExtremities: base?.forwardExtremities ?? room.forwardExtremities,
      depth: base?.depth ?? room.depth,
      lastPosition: room.lastPosition,
      isPublished,
      gap,
      isPlaceholder: isPlaceholderAfter(room, writes),
      events: writes,
      ready: events.length === 1 ? events[0]?.signed : Promise.all(events.map(({ signed }) => signed)),
    },
    ({ nid, positions }) => {
      room.applyCommit({ nid, base, moves: movesOf(writes, positions), changes: changesOf(nid, events, positions) })
      const visible = events.flatMap(({ write, change }) => (change ? write : []))
      if (visible.length > 0) publishEvents(ctx, room, visible)
    },
  )
  room.followWrite(writing)
  return (await writing).positions
}

/** Says whom of this server's users the events concern: the room's members, and those whose membership changed. */
function publishEvents(
  { bus, signingKey }: Pick<Context, 'bus' | 'signingKey'>,
  room: LockedRoom,
  events: readonly Pick<EventWrite, 'memberships'>[],
): void {
  const userIds = [...room.localUsers]
  const changed = events.flatMap(({ memberships = [] }) => memberships)
  for (const { userId } of changed) if (serverOf(userId) === signingKey.serverName) userIds.push(userId)
  const { roomId, lastPosition: position } = room
  bus.publish(eventsCommitted, { roomId, position, userIds, changesMembers: changed.length > 0 })
}

/** A placeholder stays one until a user of this server joins; undefined where nothing changes. */
function isPlaceholderAfter(room: LockedRoom, writes: readonly EventWrite[]): boolean | undefined {
  if (!room.isPlaceholder) return undefined
  if (writes.some(({ memberships = [] }) => room.isFirstJoin(memberships))) return false
  return room.nid === undefined ? true : undefined
}

/** State events that were outliers: whatever became of them, they are found at their new positions alone. */
const movesOf = (writes: readonly EventWrite[], positions: readonly number[]): StateMove[] =>
  writes.flatMap(({ type, stateKey, eventId, movesFrom }, index) =>
    movesFrom === undefined || stateKey === null ? [] : [{ type, stateKey, eventId, position: positions[index] ?? 0 }],
  )

function changesOf(nid: number, events: readonly Uncommitted[], positions: readonly number[]): CommittedChange[] {
  const changes: CommittedChange[] = []
  events.forEach(({ write, change }, index) => {
    if (change) changes.push({ ...change, event: storedEvent(nid, write, positions[index] ?? 0) })
  })
  return changes
}
