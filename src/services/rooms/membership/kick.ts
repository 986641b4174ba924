import { forbidden } from '#base/errors.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { bareMember, type MemberAction, type MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { requireJoined } from './require-joined.ts'
import { requireUserId } from './require-user-id.ts'
import { stopTyping } from '#services/rooms/ephemeral/typing.ts'

/** Kicks a user who is joined or invited, or has knocked. */
export async function kickUser(ctx: MembershipNeeds, { roomId, sender, userId, reason }: MemberAction): Promise<void> {
  requireUserId(userId)
  await requireJoined(ctx, roomId, sender)
  await appendEvents(ctx, roomId, async (room) => {
    const membership = await nextMembership(ctx, room, userId)
    // The auth rules would allow this to lift a ban.
    if (membership === undefined || membership === 'leave' || membership === 'ban')
      throw forbidden('The user is not in the room')
    return [{ type: 'm.room.member', stateKey: userId, sender, content: bareMember('leave', reason) }]
  })
  await stopTyping(ctx, roomId, userId)
}
