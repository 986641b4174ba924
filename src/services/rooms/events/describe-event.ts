import { membershipOf, type Pdu, authEventIds } from '#protocol/events/event.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Membership } from '#store/rooms/members.ts'
import type { EventWrite, MembershipChange } from '#store/rooms/room-write.ts'
import { clientJsonOf, graphJsonOf } from './stored-pdu.ts'

type NamedEvent = { pdu: Pdu; eventId: EventId }

/** What follows from the event alone of how it is written. */
export function describeEvent(event: NamedEvent): Omit<EventWrite, 'status'> {
  return { ...describeUnsigned(event), graphJson: graphJsonOf(event.pdu) }
}

/** The same of an event that has no signature yet: the JSON that holds it is left out. */
export function describeUnsigned({ pdu, eventId }: NamedEvent): Omit<EventWrite, 'status' | 'graphJson'> {
  return {
    eventId,
    type: pdu.type,
    stateKey: pdu.state_key ?? null,
    sender: pdu.sender,
    originServerTs: pdu.origin_server_ts,
    clientJson: clientJsonOf(pdu),
    relation: relationOf(pdu.content),
  }
}

/** The membership that a member event gives, once it is in the state. */
export function membershipsOf(pdu: Pdu): MembershipChange[] {
  const membership = membershipOf(pdu)
  if (pdu.type !== 'm.room.member' || pdu.state_key === undefined || !membership) return []
  return [{ userId: pdu.state_key as UserId, membership: membership as Membership, sender: pdu.sender }]
}

/** The event as readers get it once it is written. */
export function storedEvent(roomNid: number, write: EventWrite, position: number): StoredEvent {
  return {
    position,
    eventId: write.eventId,
    roomNid,
    type: write.type,
    stateKey: write.stateKey,
    sender: write.sender,
    originServerTs: write.originServerTs,
    clientJson: write.clientJson,
    status: write.status,
    redactedBy: null,
  }
}

/** The event's auth events, and the create event where the room id implies it. */
export function authEventIdsWithCreate(pdu: Pdu, version: RoomVersion): EventId[] {
  const cited = [...new Set(authEventIds(pdu, version))]
  const implied = version.roomIdIsCreateHash && pdu.room_id !== undefined
  return implied ? [`$${pdu.room_id!.slice(1)}`, ...cited] : cited
}
