import { MatrixError } from '#base/errors.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import type { ReceiveNeeds } from './ports.ts'
import type { RoomId } from '#protocol/ids.ts'

/** With more of them every event sent from here would make all servers resolve many states. */
const tooManyExtremities = 10
/** Users who are tried in turn: not every user may send events. */
const maxTries = 5

/**
 * Where a room has forked a lot, a local user follows all forward extremities with a dummy event. Where no local user
 * may send it, they stay; there are never more of them than an event can follow.
 */
export async function mergeForwardExtremities(ctx: ReceiveNeeds, roomId: RoomId): Promise<void> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.forwardExtremities.length <= tooManyExtremities) return
  for (const sender of [...room.localUsers].slice(0, maxTries)) {
    try {
      await appendEvents(ctx, roomId, async (now) =>
        now.forwardExtremities.length > tooManyExtremities
          ? [{ type: 'org.matrix.dummy_event', sender, content: {} }]
          : [],
      )
      return
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
    }
  }
}
