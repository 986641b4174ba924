import type { Context } from '#context.ts'
import type { AppendNeeds } from '#services/rooms/write/append.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** The dependencies of a change of membership. */
export type MembershipNeeds = AppendNeeds & Pick<Context, 'config' | 'typing' | 'remoteMembership'>

/** The dependencies of changes that are rate-limited apart from their request. */
export type EnteringNeeds = MembershipNeeds & Pick<Context, 'rateBuckets' | 'serverAccess'>

/** A change of another user's membership. */
export type MemberAction = { roomId: RoomId; sender: UserId; userId: UserId; reason?: string | undefined }

/** The content of a member event without profile. */
export const bareMember = (membership: 'leave' | 'ban', reason: string | undefined) => ({
  membership,
  ...(reason !== undefined && { reason }),
})
