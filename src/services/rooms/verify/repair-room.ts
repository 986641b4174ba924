import type { Context } from '#context.ts'
import type { Difference } from './check-room.ts'
import type { RoomId } from '#protocol/ids.ts'

/** The room moved on after it was checked. */
export class RoomMovedError extends Error {
  override name = 'RoomMovedError'
}

/** Writes what the check of a room found, in one transaction; processes that hold the room in memory read it anew. */
export async function repairRoom(
  { store }: Pick<Context, 'store'>,
  { roomId, revision }: { roomId: RoomId; revision: number },
  differences: readonly Difference[],
): Promise<void> {
  await store.transaction(async (tx) => {
    const room = await tx.rooms.rooms.find(roomId)
    if (!room || !(await tx.rooms.check.moveOn(room.nid, revision)))
      throw new RoomMovedError('The room changed while it was checked: stop the server first')
    await tx.rooms.check.apply(differences)
  })
}
