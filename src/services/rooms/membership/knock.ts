import { appendEvents } from '#services/rooms/write/append.ts'
import { wholeRoom } from '#services/rooms/live/whole-room.ts'
import { isElsewhere } from './is-elsewhere.ts'
import { memberContent } from './member-content.ts'
import type { EnteringNeeds } from './membership-needs.ts'
import { requireOpenRoom } from './require-open-room.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'

export type Knock = {
  roomId: RoomId
  userId: UserId
  reason?: string | undefined
  /** Servers that may be in a room which this one is not in. */
  via?: readonly ServerName[] | undefined
}

/** Knocks on a room, of this server or of others; throws M_NOT_FOUND for a room that is unknown here and there. */
export async function knockOnRoom(ctx: EnteringNeeds, { roomId, userId, reason, via = [] }: Knock): Promise<void> {
  ctx.rateBuckets.spend('join', userId)
  await requireOpenRoom(ctx, roomId)
  const content = await memberContent(ctx, userId, { membership: 'knock', reason })
  await wholeRoom(ctx, roomId)
  if (await isElsewhere(ctx, roomId)) await ctx.remoteMembership.knock({ roomId, userId, content, via })
  else await appendEvents(ctx, roomId, [{ type: 'm.room.member', stateKey: userId, sender: userId, content }])
}
