import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'

/** Empties every cache that the store can fill again, as memory pressure would; no request may be under way. */
export async function evictAll(context: Context, roomIds: readonly RoomId[]): Promise<void> {
  context.caches.evictAll()
  // Also rooms that pressure would leave alone for a moment.
  for (const roomId of roomIds) await context.rooms.drop(roomId)
}
