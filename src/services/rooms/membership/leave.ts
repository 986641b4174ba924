import { appendEvents } from '#services/rooms/write/append.ts'
import { bareMember, type MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { requireKnown } from './require-known.ts'
import { stopTyping } from '#services/rooms/ephemeral/typing.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type Leave = { roomId: RoomId; userId: UserId; reason?: string | undefined }

/** Leaves a room, rejects an invite or retracts a knock; does nothing for a user who has left already. */
export async function leaveRoom(ctx: MembershipNeeds, { roomId, userId, reason }: Leave): Promise<void> {
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  if (outside?.membership === 'invite' || outside?.membership === 'knock')
    return ctx.remoteMembership.leave({ roomId, userId, reason })
  if (outside?.membership === 'leave') return
  await requireKnown(ctx, roomId, userId)
  await appendEvents(ctx, roomId, async (room) => {
    if ((await nextMembership(ctx, room, userId)) === 'leave') return []
    return [{ type: 'm.room.member', stateKey: userId, sender: userId, content: bareMember('leave', reason) }]
  })
  await stopTyping(ctx, roomId, userId)
}
