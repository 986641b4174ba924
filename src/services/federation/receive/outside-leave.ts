import type { Context } from '#context.ts'
import { membershipOf, type JsonValue } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { enterOutside } from '#services/rooms/membership/outside-membership.ts'
import type { OutsideMembership } from '#store/rooms/outside-memberships.ts'
import { checkEvent } from './check-event.ts'
import type { ReceiveNeeds } from './ports.ts'

export type OutsideEvent = { origin: ServerName; roomId: RoomId; pdu: JsonValue }

/**
 * Ends an invite of a user here into a room that this server is not in, or the user's knock: by a leave or a ban of
 * whoever invited, or of a server through which the user knocked. It cannot be checked here by the room's state, so that
 * of others it is not believed, be they of the inviter's server. Answers the event's id; undefined where the event is no such thing.
 */
export async function endOutside(
  ctx: Pick<ReceiveNeeds & Context, 'store' | 'bus' | 'rooms' | 'findKey'>,
  { roomId, pdu: value }: OutsideEvent,
): Promise<EventId | undefined> {
  const userId = memberIn(value)
  const outside = userId && (await ctx.store.rooms.outside.find(roomId, userId))
  if (!outside || (outside.membership !== 'invite' && outside.membership !== 'knock')) return undefined
  const version = roomVersion(outside.version)
  const checked = version && (await checkEvent(ctx.findKey, value, { roomId, version }))
  if (!checked || 'violation' in checked || !mayEnd(outside, checked.pdu.sender)) return undefined
  const { pdu, eventId } = checked
  await enterOutside(ctx, { roomId, version, pdu, eventId, shownState: [], servers: outside.servers })
  return eventId
}

/** Whose membership the event would end. */
function memberIn(value: JsonValue): UserId | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value.type !== 'm.room.member')
    return undefined
  const { state_key: userId, sender, content } = value
  const membership =
    typeof content === 'object' && !Array.isArray(content) ? membershipOf({ content: content ?? {} }) : ''
  if (typeof userId !== 'string' || userId === sender) return undefined
  return membership === 'leave' || membership === 'ban' ? (userId as UserId) : undefined
}

const mayEnd = ({ sender: inviter, userId, servers }: OutsideMembership, sender: UserId): boolean =>
  inviter === userId ? servers.includes(serverOf(sender)) : inviter === sender
