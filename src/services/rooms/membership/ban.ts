import { appendEvents } from '#services/rooms/write/append.ts'
import { bareMember, type MemberAction, type MembershipNeeds } from './membership-needs.ts'
import { requireJoined } from './require-joined.ts'
import { requireUserId } from './require-user-id.ts'
import { stopTyping } from '#services/rooms/ephemeral/typing.ts'

/** Bans a user. */
export async function banUser(ctx: MembershipNeeds, { roomId, sender, userId, reason }: MemberAction): Promise<void> {
  requireUserId(userId)
  await requireJoined(ctx, roomId, sender)
  await appendEvents(ctx, roomId, [
    { type: 'm.room.member', stateKey: userId, sender, content: bareMember('ban', reason) },
  ])
  await stopTyping(ctx, roomId, userId)
}
