import { forbidden, MatrixError, unableToAuthoriseJoin, unableToGrantJoin } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isRestrictedRule, joinRuleOf, roomsThatAdmit } from '#protocol/rooms/restricted-join.ts'
import { nextContent, nextMembership, nextPowerLevels } from '#services/rooms/live/next-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'rooms'>

/**
 * `join_authorised_via_users_server` of a join, needed in a restricted room without an invite. Throws M_FORBIDDEN when
 * no condition of the room is met, M_UNABLE_TO_AUTHORISE_JOIN where another server may know of one that is, and
 * M_UNABLE_TO_GRANT_JOIN where none of our users may invite.
 * https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms
 */
export async function joinAuthority(ctx: Needs, room: LiveRoom, userId: UserId): Promise<JsonObject> {
  if (!(await needsAuthority(ctx, room, userId))) return {}
  const joinRules = await nextContent(ctx, room, ['m.room.join_rules', ''])
  await requireAdmitted(ctx, roomsThatAdmit(joinRules ?? {}), userId)
  const authoriser = await memberWhoMayInvite(ctx, room)
  if (!authoriser) throw unableToGrantJoin()
  return { join_authorised_via_users_server: authoriser }
}

/** Whether a restricted room may let the user in, but not by this server. */
export const isForOthers = (error: unknown): error is MatrixError =>
  error instanceof MatrixError &&
  (error.errcode === 'M_UNABLE_TO_AUTHORISE_JOIN' || error.errcode === 'M_UNABLE_TO_GRANT_JOIN')

/** The same where no other server is asked: throws M_FORBIDDEN alone. */
export async function ownJoinAuthority(ctx: Needs, room: LiveRoom, userId: UserId): Promise<JsonObject> {
  try {
    return await joinAuthority(ctx, room, userId)
  } catch (error) {
    throw isForOthers(error) ? forbidden(error.message) : error
  }
}

/** Whether the user can join only by a condition of the room's join rules. */
async function needsAuthority(ctx: Needs, room: LiveRoom, userId: UserId): Promise<boolean> {
  const joinRules = await nextContent(ctx, room, ['m.room.join_rules', ''])
  if (!joinRules || !isRestrictedRule(joinRuleOf({ content: joinRules }), room.version)) return false
  const membership = await nextMembership(ctx, room, userId)
  return membership !== 'invite' && membership !== 'join'
}

/** Refuses a user who is in none of the rooms; of those in which no user here is, only others can say. */
async function requireAdmitted({ rooms }: Needs, roomIds: readonly RoomId[], userId: UserId): Promise<void> {
  let areAllKnown = true
  for (const roomId of roomIds) {
    const room = await rooms.find(roomId)
    if (!room || room.localUsers.size === 0) areAllKnown = false
    else if (room.members.get(userId) === 'join') return
  }
  throw areAllKnown ? forbidden('You are in none of the rooms whose members may join') : unableToAuthoriseJoin()
}

async function memberWhoMayInvite(ctx: Needs, room: LiveRoom): Promise<UserId | undefined> {
  const levels = await nextPowerLevels(ctx, room)
  for (const userId of room.localUsers)
    if (levels.ofUser(userId) >= levels.invite && (await nextMembership(ctx, room, userId)) === 'join') return userId
  return undefined
}
