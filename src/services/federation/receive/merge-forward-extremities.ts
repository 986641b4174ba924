import { MatrixError } from '#base/errors.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import type { ReceiveNeeds } from './ports.ts'
import type { RoomId } from '#protocol/ids.ts'

/** From here on every event of ours would cost all servers a resolution of many states. */
const tooManyHeads = 10
/** Users who are tried in turn: not everybody may speak. */
const maxTries = 5

/**
 * Where a room has forked a lot, one of our users follows all its heads with an event that says nothing. Where nobody
 * may, the heads stay; there are never more of them than an event can follow.
 */
export async function mergeForwardExtremities(ctx: ReceiveNeeds, roomId: RoomId): Promise<void> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.forwardExtremities.length <= tooManyHeads) return
  for (const sender of [...room.localUsers].slice(0, maxTries)) {
    try {
      await appendEvents(ctx, roomId, async (now) =>
        now.forwardExtremities.length > tooManyHeads ? [{ type: 'org.matrix.dummy_event', sender, content: {} }] : [],
      )
      return
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
    }
  }
}
