import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isRestrictedRule, joinRuleOf, roomsThatAdmit } from '#protocol/rooms/restricted-join.ts'
import { nextContent, nextMembership, nextPowerLevels } from '#services/rooms/live/next-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>

/**
 * `join_authorised_via_users_server` of a join, needed in a restricted room without an invite. Throws M_FORBIDDEN when
 * no condition of the room is met.
 * https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms
 */
export async function joinAuthority(ctx: Needs, room: LiveRoom, userId: UserId): Promise<JsonObject> {
  const joinRules = await nextContent(ctx, room, ['m.room.join_rules', ''])
  if (!joinRules || !isRestrictedRule(joinRuleOf({ content: joinRules }), room.version)) return {}
  const membership = await nextMembership(ctx, room, userId)
  if (membership === 'invite' || membership === 'join') return {}
  if (!(await isInOneOf(ctx, roomsThatAdmit(joinRules), userId)))
    throw forbidden('You are in none of the rooms whose members may join')
  const authoriser = await memberWhoMayInvite(ctx, room)
  if (!authoriser) throw forbidden('No user of this server may authorise your join')
  return { join_authorised_via_users_server: authoriser }
}

async function isInOneOf(ctx: Needs, roomIds: readonly RoomId[], userId: UserId): Promise<boolean> {
  const joined = new Set<string>(await ctx.store.rooms.rooms.listJoined(userId))
  return roomIds.some((roomId) => joined.has(roomId))
}

async function memberWhoMayInvite(ctx: Needs, room: LiveRoom): Promise<UserId | undefined> {
  const levels = await nextPowerLevels(ctx, room)
  for (const userId of room.localUsers)
    if (levels.ofUser(userId) >= levels.invite && (await nextMembership(ctx, room, userId)) === 'join') return userId
  return undefined
}
