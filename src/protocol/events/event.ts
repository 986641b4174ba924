import { isValidEventId, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject

/** A key holding `undefined` counts as absent. */
export type JsonObject = { [key: string]: JsonValue | undefined }

/** How room versions 1 and 2 point at another event. */
export type EventReference = [EventId, { sha256: string }]

export type Signatures = { [entity: string]: { [keyId: string]: string } }

/** An event as servers exchange it: wire names, because it is hashed as it stands. */
export type Pdu = {
  type: string
  sender: UserId
  /** Absent on the create event from room version 12. */
  room_id?: RoomId
  state_key?: string
  content: JsonObject
  origin_server_ts: number
  depth: number
  prev_events: EventId[] | EventReference[]
  auth_events: EventId[] | EventReference[]
  hashes: { sha256: string }
  signatures: Signatures
  unsigned?: JsonObject
  /** Before room version 11; since then it stands in `content`. */
  redacts?: EventId
  /** On the wire in room versions 1 and 2 only. */
  event_id?: EventId
  origin?: string
}

/** An event before hashing and signing. */
export type UnsignedPdu = Omit<Pdu, 'hashes' | 'signatures'> & Partial<Pick<Pdu, 'hashes' | 'signatures'>>

export type StateKeyPair = readonly [type: string, stateKey: string]

/** The ids of the events before this one, whatever way the room version writes them. */
export function prevEventIds(pdu: Pick<Pdu, 'prev_events'>, version: RoomVersion): EventId[] {
  return idsOf(pdu.prev_events, version)
}

/** The ids of the events that entitle the sender, whatever way the room version writes them. */
export function authEventIds(pdu: Pick<Pdu, 'auth_events'>, version: RoomVersion): EventId[] {
  return idsOf(pdu.auth_events, version)
}

/** The place in the room state that the event takes, if it is a state event. */
export function stateKeyOf(pdu: Pick<Pdu, 'type' | 'state_key'>): StateKeyPair | undefined {
  return pdu.state_key === undefined ? undefined : [pdu.type, pdu.state_key]
}

/** The event that a redaction is aimed at: in `content` from room version 11, beside it before; what is no id names none. */
export function redactedEventId(pdu: Pick<Pdu, 'redacts' | 'content'>, version: RoomVersion): EventId | undefined {
  const target = version.redactsInContent ? pdu.content.redacts : pdu.redacts
  return typeof target === 'string' && isValidEventId(target) ? target : undefined
}

/** The membership that a member event gives its target. */
export function membershipOf(member: Pick<Pdu, 'content'> | undefined): string | undefined {
  const membership = member?.content.membership
  return typeof membership === 'string' ? membership : undefined
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function idsOf(events: Pdu['prev_events'], version: RoomVersion): EventId[] {
  if (version.eventFormat !== 'v1') return events as EventId[]
  return (events as EventReference[]).map(([id]) => id)
}
