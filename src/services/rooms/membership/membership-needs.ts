import type { Context } from '#context.ts'
import type { AppendNeeds } from '#services/rooms/write/append.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** The effects that a change of membership has. */
export type MembershipNeeds = AppendNeeds & Pick<Context, 'config' | 'typing'>

/** Those of acts that are limited by whatever request they are made. */
export type EnteringNeeds = MembershipNeeds & Pick<Context, 'rateBuckets'>

/** Somebody acts on somebody else's place in a room. */
export type MemberAction = { roomId: RoomId; sender: UserId; userId: UserId; reason?: string | undefined }

/** The content of a member event that says no more than it must. */
export const bareMember = (membership: 'leave' | 'ban', reason: string | undefined) => ({
  membership,
  ...(reason !== undefined && { reason }),
})
