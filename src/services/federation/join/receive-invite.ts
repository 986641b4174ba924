import { forbidden, incompatibleRoomVersion, invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { countersign } from '#protocol/events/signatures.ts'
import { isValidUserId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { isSignedByServer } from '#services/federation/receive/check-event.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { isRemoteUser } from '#services/rooms/membership/is-remote-user.ts'
import { enterOutside } from '#services/rooms/membership/outside-membership.ts'
import { requireInvitable } from '#services/rooms/membership/require-invitable.ts'
import { requireOpenRoom } from '#services/rooms/membership/require-open-room.ts'
import { checkMemberEvent } from './check-member-event.ts'
import { roomOpenTo } from './open-to-server.ts'
import { readShownState, requireShownHere } from './shown-state.ts'

export type SentInvite = {
  origin: ServerName
  roomId: RoomId
  eventId: string
  /** Room version id. */
  version: string
  event: JsonValue
  shownState: JsonValue | undefined
}

/** Invites and knocks of one user that wait for an answer: whoever sends more is refused. */
export const maxPendingOutside = 1000

/**
 * Takes an invite of a user here into a room of another server, and answers it with our signature.
 * https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
 */
export async function receiveInvite(ctx: Context, invite: SentInvite): Promise<Pdu> {
  const { origin, roomId } = invite
  const version = roomVersion(invite.version)
  if (!version) throw incompatibleRoomVersion(invite.version)
  const checked = checkMemberEvent({ ...invite, version, membership: 'invite' })
  const userId = await requireInvitee(ctx, checked.pdu)
  const isSigned = await isSignedByServer(receiveNeeds(ctx), { server: origin, ...checked, version })
  if (!isSigned) throw invalidParam('The event lacks your signature')
  await requireOpenRoom(ctx, roomId)
  ctx.rateBuckets.spend('invite', `of ${userId}`)
  requireShownHere(invite.shownState, { roomId, version })
  const shownState = readShownState(invite.shownState, checked.pdu)
  const pdu = countersign(checked.pdu, version, ctx.signingKey)
  const signed = { ...checked, pdu }
  const known = await ctx.rooms.find(roomId)
  if (known && known.localUsers.size > 0) await enterHere(ctx, { origin, roomId, version, signed })
  else await enterAbroad(ctx, { roomId, version, ...signed, shownState, servers: [origin] })
  return pdu
}

/** The invited user, if the account is here and takes invites. */
async function requireInvitee(ctx: Context, { state_key: userId = '' }: Pdu): Promise<UserId> {
  if (!isValidUserId(userId) || isRemoteUser(ctx, userId)) throw invalidParam('The user is not of this server')
  await requireInvitable(ctx, userId)
  return userId
}

type InviteHere = { origin: ServerName; roomId: RoomId; version: RoomVersion; signed: CheckedEvent }

/** Into a room that we are in: the event is one of the room like any other. */
async function enterHere(ctx: Context, { origin, roomId, version, signed }: InviteHere): Promise<void> {
  const room = await roomOpenTo(ctx, roomId, origin)
  if (room.version.id !== version.id) throw invalidParam('The room has another version')
  const event = { origin, roomId, pdu: signed.pdu as unknown as JsonValue }
  const { outcome, reason } = await receiveEvent(receiveNeeds(ctx), event)
  if (outcome === 'rejected' || outcome === 'soft-failed') throw forbidden(reason)
  if (outcome === 'dropped') throw invalidParam(reason)
}

async function enterAbroad(ctx: Context, invite: Parameters<typeof enterOutside>[1]): Promise<void> {
  const userId = invite.pdu.state_key as UserId
  const present = await ctx.store.rooms.outside.find(invite.roomId, userId)
  // The inviting server may have missed our answer.
  if (present?.eventId === invite.eventId) return
  const isPending = present?.membership === 'invite' || present?.membership === 'knock'
  if (!isPending && (await ctx.store.rooms.outside.countPending(userId)) >= maxPendingOutside)
    throw forbidden('The user has too many invites')
  await enterOutside(ctx, invite)
}
