import { appendEvents } from '#services/rooms/write/append.ts'
import { wholeRoom } from '#services/rooms/live/whole-room.ts'
import { memberContent } from './member-content.ts'
import type { MemberAction, EnteringNeeds } from './membership-needs.ts'
import { isRemoteUser } from './is-remote-user.ts'
import { requireInvitable } from './require-invitable.ts'
import { requireJoined } from './require-joined.ts'
import { requireUserId } from './require-user-id.ts'

/** Invites a user, of this server or of another, to a room. */
export async function inviteUser(
  ctx: EnteringNeeds,
  { roomId, sender, userId, reason, isDirect }: MemberAction & { isDirect?: boolean | undefined },
): Promise<void> {
  requireUserId(userId)
  ctx.rateBuckets.spend('invite', sender)
  await requireJoined(ctx, roomId, sender)
  await wholeRoom(ctx, roomId)
  await requireInvitable(ctx, userId)
  const content = await memberContent(ctx, userId, { membership: 'invite', reason, isDirect })
  if (isRemoteUser(ctx, userId)) await ctx.remoteMembership.invite({ roomId, sender, userId, content })
  else await appendEvents(ctx, roomId, [{ type: 'm.room.member', stateKey: userId, sender, content }])
}
