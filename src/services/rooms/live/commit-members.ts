import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { LineCorrection, MembersWrite, Written } from '#store/rooms/room-write.ts'
import type { LockedRoom } from './live-room.ts'
import type { RoomTurn } from './room-turn.ts'

type Needs = Pick<Context, 'store' | 'bus'>

/** Writes members that a join had left out, or what is known better of events by them. */
export async function commitMembers(ctx: Needs, room: LockedRoom, members: Omit<MembersWrite, 'end'>): Promise<void> {
  await write(ctx, room, { members, apply: () => room.addMembers(members) })
}

/** Where the room stands once all members are here. */
export type WholeLine = LineCorrection & { forwardExtremities: readonly EventId[] }

/**
 * With this the room is whole: whoever reads it from then on finds it so, and its users here are woken as by an event.
 */
export async function commitWhole(
  ctx: Needs,
  turn: RoomTurn,
  { join, line }: { join: Pick<MembersWrite, 'joinEventId' | 'from'>; line: WholeLine },
): Promise<void> {
  const room = await turn.settledRoom()
  const { roomId, lastPosition } = room
  const userIds = [...room.localUsers]
  const { forwardExtremities, ...end } = line
  await write(ctx, room, {
    members: { ...join, entries: [], end },
    forwardExtremities,
    apply({ positions: [position = lastPosition] }) {
      turn.dropSettled()
      ctx.bus.publish(eventsCommitted, { roomId, position, userIds, changesMembers: true })
    },
  })
}

type MembersCommit = {
  members: MembersWrite
  forwardExtremities?: readonly EventId[]
  apply(written: Written): void
}

async function write(
  { store }: Needs,
  room: LockedRoom,
  { members, forwardExtremities = room.forwardExtremities, apply }: MembersCommit,
): Promise<void> {
  const { roomId, version, nid, depth, lastPosition } = room
  const base = { roomId, version: version.id, nid, forwardExtremities, depth, lastPosition }
  const writing = store.eventWriter.write({ ...base, revision: room.beginWrite(), events: [], members }, apply)
  room.followWrite(writing)
  await writing
}
