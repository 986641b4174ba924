import type { Context } from '#context.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { roomIdOfCreate } from '#protocol/events/event-id.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { persistReceived } from '#services/rooms/write/persist-received.ts'
import { plainTransition } from '#services/rooms/state/state-transition.ts'
import type { LockedRoom } from '#services/rooms/live/live-room.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { checkEvent } from './check-event.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveResult, ReceiveNeeds } from './ports.ts'

type Room = { roomId: RoomId; version: RoomVersion }

export type RemoteRoom = Room & { create: JsonValue }

/**
 * Takes in the create event of a room that another server made; the other events of the room can be stored then. Until
 * one of our users has joined, the room is a placeholder: it is not found, and trying again goes on from there.
 */
export async function openRemoteRoom(
  ctx: ReceiveNeeds & Pick<Context, 'config'>,
  { roomId, version, create: value }: RemoteRoom,
): Promise<ReceiveResult> {
  const room = { roomId, version }
  const event = await checkEvent(ctx.findKey, value, room)
  if ('violation' in event) return { eventId: undefined, outcome: 'dropped', reason: event.violation }
  const { pdu, eventId } = event
  const violation = firstEventViolation(pdu, room)
  if (violation !== undefined) return { eventId, outcome: 'rejected', reason: violation }
  return ctx.rooms.inTurn(
    roomId,
    async (turn) => (await outcomeOfKnown(ctx, room, eventId)) ?? create(ctx, turn, { ...room, event }),
  )
}

/** Why the event does not open this room, in the version that was asked for, if so. */
function firstEventViolation(pdu: Pdu, { roomId, version }: Room): string | undefined {
  if (pdu.type !== 'm.room.create' || pdu.state_key !== '') return 'It creates no room'
  const rejection = authorize(pdu, version, () => undefined)
  if (rejection) return rejection.reason
  if (pdu.auth_events.length > 0) return 'A create event has no auth events'
  if (roomIdOfCreate(pdu, version) !== roomId) return 'It creates another room'
  // Whoever answers for the room must not choose the rules by which the answer is judged.
  return (pdu.content.room_version ?? '1') === version.id ? undefined : 'It creates a room of another version'
}

/** Undefined where the room is not stored. A room of the same id that began otherwise is another room. */
async function outcomeOfKnown(
  ctx: ReceiveNeeds,
  { roomId, version }: Room,
  eventId: EventId,
): Promise<ReceiveResult | undefined> {
  const room = await ctx.rooms.findStored(roomId)
  if (!room || room.forwardExtremities.length === 0) return undefined
  const isSame = room.version.id === version.id && room.entry('m.room.create', '')?.eventId === eventId
  return isSame ? { eventId, outcome: 'known' } : { eventId, outcome: 'dropped', reason: 'The room began otherwise' }
}

/** The room where it is stored for an invite or a knock alone; of which version it is only its create event proves. */
async function knownByInvite(
  ctx: ReceiveNeeds,
  turn: RoomTurn,
  { roomId, version }: Room,
): Promise<LockedRoom | undefined> {
  const room = await ctx.rooms.findStored(roomId)
  if (room?.nid === undefined) return undefined
  if (room.version.id !== version.id) {
    await ctx.store.rooms.rooms.setVersion(room.nid, version.id)
    await turn.drop()
  }
  return turn.settledRoom()
}

async function create(
  ctx: ReceiveNeeds & Pick<Context, 'config'>,
  turn: RoomTurn,
  { event, ...room }: Room & { event: CheckedEvent },
): Promise<ReceiveResult> {
  const { pdu, eventId } = event
  const invited = await knownByInvite(ctx, turn, room)
  const live =
    invited ?? turn.newRoom({ version: room.version, serverName: ctx.config.server_name, isPlaceholder: true })
  const transition = plainTransition(event)
  const received = { pdu, eventId, status: 'accepted' as const, branch: undefined, movesFrom: undefined, transition }
  try {
    await persistReceived(ctx, live, received)
  } catch (error) {
    // Another process was faster, or the write was done and only its answer was lost.
    const known = await outcomeOfKnown(ctx, room, eventId)
    if (known) return known
    throw error
  }
  if (!invited) turn.add(live)
  return { eventId, outcome: 'accepted' }
}
