import { forbidden, invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { countersign } from '#protocol/events/signatures.ts'
import { serverOf, type EventId, type RoomId, type ServerName } from '#protocol/ids.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { joinAuthority } from '#services/rooms/membership/authorise-join.ts'
import { requireOpenRoom } from '#services/rooms/membership/require-open-room.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { checkMemberEvent } from './check-member-event.ts'
import { roomOpenTo } from './open-to-server.ts'

export type SentMembership = {
  origin: ServerName
  roomId: RoomId
  eventId: string
  membership: 'join' | 'leave' | 'knock'
  event: JsonValue
}

/** The event as it is in the room now, with our signature where we let the user in. */
export type TakenMembership = { room: LiveRoom; pdu: Pdu; eventId: EventId }

/**
 * Takes in the membership event that another server made of our template. One that is not what the path says is not
 * looked at further; one that the room does not allow is in the graph at most, as if it had come by a transaction.
 */
export async function takeMembership(ctx: Context, sent: SentMembership): Promise<TakenMembership> {
  const { origin, roomId } = sent
  const room = await roomOpenTo(ctx, roomId, origin)
  const { pdu: given, eventId } = checkMemberEvent({ ...sent, version: room.version })
  if (sent.membership !== 'leave') await requireOpenRoom(ctx, roomId)
  const pdu = await authorised(ctx, room, given)
  // Before it is in the room: whoever sends the room's events on may come by it at once.
  await ctx.store.federation.relayedEvents.add({ eventId, origin, now: ctx.clock.now() })
  try {
    await enter(ctx, { origin, roomId, pdu, eventId })
  } catch (error) {
    await ctx.store.federation.relayedEvents.delete(eventId)
    throw error
  }
  return { room, pdu, eventId }
}

/** Signs a join in the name of the user of ours that it is authorised by, where the room's conditions are met. */
async function authorised(ctx: Context, room: LiveRoom, pdu: Pdu): Promise<Pdu> {
  const { version } = room
  const authoriser = pdu.content.join_authorised_via_users_server
  if (!version.restricted || pdu.content.membership !== 'join' || typeof authoriser !== 'string') return pdu
  if (serverOf(authoriser) !== ctx.config.server_name) return pdu
  await joinAuthority(ctx, room, pdu.sender)
  return countersign(pdu, version, ctx.signingKey)
}

type Entering = { origin: ServerName; roomId: RoomId; pdu: Pdu; eventId: EventId }

async function enter(ctx: Context, { origin, roomId, pdu, eventId }: Entering): Promise<void> {
  const event = { origin, roomId, pdu: pdu as unknown as JsonValue }
  const { outcome, reason } = await receiveEvent(receiveNeeds(ctx), event)
  if (outcome === 'accepted') return
  if (outcome === 'dropped' || outcome === 'unresolved') throw invalidParam(reason)
  const stored = outcome === 'known' ? await ctx.store.rooms.events.find(eventId) : undefined
  if (stored?.status !== 'accepted') throw forbidden(reason)
}
