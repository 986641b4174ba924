import { forbidden } from '#base/errors.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { bareMember, type MemberAction, type MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { requireJoined } from './require-joined.ts'
import { requireUserId } from './require-user-id.ts'

/** Lifts a ban: the user may join again by the join rules. */
export async function unbanUser(ctx: MembershipNeeds, { roomId, sender, userId, reason }: MemberAction): Promise<void> {
  requireUserId(userId)
  await requireJoined(ctx, roomId, sender)
  await appendEvents(ctx, roomId, async (room) => {
    // The auth rules would allow this to kick a member.
    if ((await nextMembership(ctx, room, userId)) !== 'ban') throw forbidden('The user is not banned')
    return [{ type: 'm.room.member', stateKey: userId, sender, content: bareMember('leave', reason) }]
  })
}
