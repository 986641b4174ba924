import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'
import type { Profile } from '#store/accounts/profiles.ts'

export type MemberOptions = {
  membership: 'join' | 'invite' | 'knock'
  reason?: string | undefined
  /** `is_direct` of an invite. */
  isDirect?: boolean | undefined
}

/** The content of a member event: the membership, and name and avatar of the user's profile. */
export async function memberContent(
  ctx: Pick<Context, 'store' | 'config'>,
  userId: UserId,
  options: MemberOptions,
): Promise<JsonObject> {
  const isLocal = serverOf(userId) === ctx.config.server_name
  return contentFor(options, isLocal ? await ctx.store.accounts.profiles.find(userId) : {})
}

/** The same for several users with the same options, in their order. */
export async function memberContents(
  ctx: Pick<Context, 'store'>,
  userIds: readonly UserId[],
  options: MemberOptions,
): Promise<JsonObject[]> {
  const profiles = await ctx.store.accounts.profiles.findMany(userIds)
  return userIds.map((userId) => contentFor(options, profiles.get(userId) ?? {}))
}

/** Display name and avatar of a profile, as far as set. */
export function presentation({ displayname, avatar_url: avatarUrl }: Profile): JsonObject {
  return {
    ...(typeof displayname === 'string' && { displayname }),
    ...(typeof avatarUrl === 'string' && { avatar_url: avatarUrl }),
  }
}

const contentFor = ({ membership, reason, isDirect }: MemberOptions, profile: Profile): JsonObject => ({
  ...presentation(profile),
  membership,
  ...(reason !== undefined && { reason }),
  ...(isDirect && { is_direct: true }),
})
