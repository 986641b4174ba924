import { badJson } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { judgePowerLevelsForm } from '#protocol/auth-rules/power-levels.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { appendEvents } from './append.ts'
import type { AppendNeeds } from './append.ts'
import { checkThreadRoot } from './check-thread-root.ts'
import { ownJoinAuthority } from '#services/rooms/membership/authorise-join.ts'
import { checkCanonicalAlias } from '#services/rooms/directory/check-canonical-alias.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { inheritByTombstone } from '#services/rooms/upgrade/inherit-settings.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { actElsewhere } from '#services/rooms/membership/act-elsewhere.ts'
import { isElsewhere } from '#services/rooms/membership/is-elsewhere.ts'
import { isRemoteUser } from '#services/rooms/membership/is-remote-user.ts'
import { requireInvitable } from '#services/rooms/membership/require-invitable.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import { requireOpenRoom } from '#services/rooms/membership/require-open-room.ts'
import { requireUserId } from '#services/rooms/membership/require-user-id.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

export type StateChange = {
  roomId: RoomId
  type: string
  stateKey: string
  sender: UserId
  content: JsonObject
  /** Milliseconds since the epoch, from those who may say when it was. */
  originServerTs?: number | undefined
}

type Needs = AppendNeeds & Pick<Context, 'config' | 'rateBuckets' | 'serverAccess' | 'remoteMembership'>

/** Sets a room's state; what is set already answers the event that set it. */
export async function setState(ctx: Needs, change: StateChange): Promise<EventId> {
  const { roomId, type, stateKey, sender, content: given } = change
  if (type === 'm.room.create') throw badJson('A room is created once')
  const isOwnMembership = type === 'm.room.member' && stateKey === sender
  if (!isOwnMembership) await requireJoined(ctx, roomId, sender)
  else if (given.membership !== 'leave') await requireOpenRoom(ctx, roomId)
  if (isOwnMembership && (await isElsewhere(ctx, roomId, sender)))
    return actElsewhere(ctx, { roomId, userId: sender, content: given })
  const guest = type === 'm.room.member' && given.membership === 'invite' ? requireUserId(stateKey) : undefined
  if (guest && isRemoteUser(ctx, guest)) return inviteByState(ctx, { ...change, userId: guest })
  const [appended] = await appendEvents(ctx, roomId, async (room) => {
    const content = await checkedContent(ctx, room, change)
    return [{ type, stateKey, sender, content, originServerTs: change.originServerTs }]
  })
  if (!appended) throw new Error('A state event was staged and lost')
  if (type === 'm.room.tombstone' && stateKey === '') await inheritByTombstone(ctx, roomId)
  return appended.eventId
}

/** Their server must sign the invite before it is in the room. */
async function inviteByState(ctx: Needs, change: StateChange & { userId: UserId }): Promise<EventId> {
  const { roomId, sender, userId, content } = change
  ctx.rateBuckets.spend('invite', sender)
  await requireInvitable(ctx, userId)
  return ctx.remoteMembership.invite({ roomId, sender, userId, content })
}

/** Some types of state have conditions of their own. */
async function checkedContent(ctx: Needs, room: LiveRoom, { type, stateKey, sender, content }: StateChange) {
  if (type === 'm.room.canonical_alias' && stateKey === '') await checkCanonicalAlias(ctx, room, content)
  const member = type === 'm.room.member' ? requireUserId(stateKey) : undefined
  if (member) await countAct(ctx, room, { sender, member, membership: content.membership })
  if (member && content.membership === 'invite') await requireInvitable(ctx, member)
  await checkThreadRoot(ctx, room, content)
  if (type === 'm.room.power_levels') await refuseMalformedLevels(ctx, room, content)
  if (type !== 'm.room.member' || content.membership !== 'join' || stateKey !== sender) return content
  // Clients do not choose in whose name they enter.
  const { join_authorised_via_users_server: _authoriser, ...own } = content
  return { ...own, ...(await ownJoinAuthority(ctx, room, sender)) }
}

type Act = { sender: UserId; member: UserId; membership: JsonValue | undefined }

/** Invites, joins and knocks are limited by whatever request they are made; a new name in a room is none of these. */
async function countAct(ctx: Needs, room: LiveRoom, { sender, member, membership }: Act): Promise<void> {
  if (membership === 'invite') return ctx.rateBuckets.spend('invite', sender)
  const isEntering = member === sender && (membership === 'join' || membership === 'knock')
  if (isEntering && (await nextMembership(ctx, room, sender)) !== 'join') ctx.rateBuckets.spend('join', sender)
}

/** What is wrong whoever says it is a bad request, not a lack of rights. */
async function refuseMalformedLevels(ctx: Needs, room: LiveRoom, content: JsonObject): Promise<void> {
  await loadStateEntries(ctx, room, [['m.room.create', '']])
  const create = room.nextStateEntry('m.room.create', '')?.pdu
  const malformed = create && judgePowerLevelsForm({ content, create }, room.version)
  if (malformed) throw badJson(malformed.reason)
}
