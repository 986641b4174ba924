import { appendEvents } from '#services/rooms/write/append.ts'
import { memberContent } from './member-content.ts'
import type { EnteringNeeds } from './membership-needs.ts'
import { requireOpenRoom } from './require-open-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type Knock = { roomId: RoomId; userId: UserId; reason?: string | undefined }

/** Knocks on a room; throws M_NOT_FOUND for an unknown room. */
export async function knockOnRoom(ctx: EnteringNeeds, { roomId, userId, reason }: Knock): Promise<void> {
  ctx.rateBuckets.spend('join', userId)
  await requireOpenRoom(ctx, roomId)
  const content = await memberContent(ctx, userId, { membership: 'knock', reason })
  await appendEvents(ctx, roomId, [{ type: 'm.room.member', stateKey: userId, sender: userId, content }])
}
