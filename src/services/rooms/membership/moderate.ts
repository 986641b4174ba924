import { forbidden } from '#base/errors.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { wholeRoom } from '#services/rooms/live/whole-room.ts'
import { stopTyping } from '#services/rooms/ephemeral/typing.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { bareMember, type MemberAction, type MembershipNeeds } from './membership-needs.ts'
import { requireJoined } from './require-joined.ts'
import { requireUserId } from './require-user-id.ts'

/** Kicks a user who is joined or invited, or has knocked. */
export const kickUser = (ctx: MembershipNeeds, action: MemberAction): Promise<void> =>
  removeUser(ctx, action, {
    membership: 'leave',
    // The auth rules would let a kick lift a ban.
    refusalFor: (present) =>
      present === undefined || present === 'leave' || present === 'ban' ? 'The user is not in the room' : undefined,
  })

/** Removes a user, if they are in the room, and keeps them out. */
export const banUser = (ctx: MembershipNeeds, action: MemberAction): Promise<void> =>
  removeUser(ctx, action, { membership: 'ban', refusalFor: () => undefined })

/** Lifts a ban: the user may join again by the join rules. */
export const unbanUser = (ctx: MembershipNeeds, action: MemberAction): Promise<void> =>
  removeUser(ctx, action, {
    membership: 'leave',
    // The auth rules would let an unban remove a member.
    refusalFor: (present) => (present === 'ban' ? undefined : 'The user is not banned'),
  })

type Removal = {
  membership: 'leave' | 'ban'
  /** Why the act is refused to a user of the present membership, if it is. */
  refusalFor: (present: string | undefined) => string | undefined
}

async function removeUser(
  ctx: MembershipNeeds,
  { roomId, sender, userId, reason }: MemberAction,
  { membership, refusalFor }: Removal,
): Promise<void> {
  requireUserId(userId)
  await requireJoined(ctx, roomId, sender)
  await wholeRoom(ctx, roomId)
  await appendEvents(ctx, roomId, async (room) => {
    const refusal = refusalFor(await nextMembership(ctx, room, userId))
    if (refusal !== undefined) throw forbidden(refusal)
    return [{ type: 'm.room.member', stateKey: userId, sender, content: bareMember(membership, reason) }]
  })
  await stopTyping(ctx, roomId, userId)
}
