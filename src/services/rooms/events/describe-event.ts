import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Membership } from '#store/rooms/members.ts'
import type { EventWrite, MemberWrite } from '#store/rooms/room-write.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import { splitPdu } from './stored-pdu.ts'

/** What follows from the event alone of how it is written. */
export function describeEvent({ pdu, eventId }: { pdu: Pdu; eventId: EventId }): Omit<EventWrite, 'status'> {
  return {
    eventId,
    type: pdu.type,
    stateKey: pdu.state_key ?? null,
    sender: pdu.sender,
    originServerTs: pdu.origin_server_ts,
    ...splitPdu(pdu),
    relation: relationOf(pdu.content),
  }
}

/** The membership that a member event gives, once it holds its place in the state. */
export function membershipsOf(pdu: Pdu): MemberWrite[] {
  const membership = membershipOf(pdu)
  if (pdu.type !== 'm.room.member' || pdu.state_key === undefined || !membership) return []
  return [{ userId: pdu.state_key as UserId, membership: membership as Membership, sender: pdu.sender }]
}

/** The event as it stands once it is written. */
export function storedEvent(room: LiveRoom, write: EventWrite, position: number): StoredEvent {
  return {
    position,
    eventId: write.eventId,
    roomNid: nidOf(room),
    type: write.type,
    stateKey: write.stateKey,
    sender: write.sender,
    originServerTs: write.originServerTs,
    clientJson: write.clientJson,
    graphJson: write.graphJson,
    status: write.status,
    redactedBy: null,
  }
}
