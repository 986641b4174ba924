import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { MembersWrite } from '#store/rooms/room-write.ts'
import type { RoomTurn } from './room-turn.ts'

/**
 * Writes members that a join had left out. With the last of them the room is whole: whoever reads it from then on finds
 * it so, and its users here are woken as by an event.
 */
export async function commitMembers(
  { store, bus }: Pick<Context, 'store' | 'bus'>,
  turn: RoomTurn,
  members: MembersWrite,
): Promise<void> {
  const room = await turn.settledRoom()
  const { roomId, version, nid, forwardExtremities, depth, lastPosition } = room
  const write = { roomId, version: version.id, nid, forwardExtremities, depth, lastPosition, events: [], members }
  if (!members.isLast) return void (await store.eventWriter.write({ ...write, revision: undefined }, () => {}))
  const userIds = [...room.localUsers]
  const writing = store.eventWriter.write(
    { ...write, revision: room.beginWrite() },
    ({ positions: [position = lastPosition] }) => {
      turn.dropSettled()
      bus.publish(eventsCommitted, { roomId, position, userIds, changesMembers: true })
    },
  )
  room.followWrite(writing)
  await writing
}
