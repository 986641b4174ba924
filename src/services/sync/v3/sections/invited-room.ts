import type { Context } from '#context.ts'
import { strippedState } from '#services/rooms/read/stripped-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { UserId } from '#protocol/ids.ts'

/** JSON text of a room that the user is invited to or has knocked on, with its stripped state. */
export async function invitedRoom(
  ctx: Context,
  { syncRoom, room, userId }: { syncRoom: SyncRoom; room: LiveRoom; userId: UserId },
): Promise<string> {
  const name = syncRoom.membership === 'knock' ? 'knock_state' : 'invite_state'
  return JSON.stringify({ [name]: { events: await strippedState(ctx, room, userId) } })
}
