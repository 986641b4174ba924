import { isObject, redactedEventId, type JsonObject, type JsonValue, type Pdu } from './event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { parsePropertyPath } from '#protocol/json/property-path.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** An event as clients see it. */
export type ClientEvent = {
  type: string
  sender: UserId
  event_id: EventId
  room_id: RoomId
  state_key?: string
  content: JsonObject
  origin_server_ts: number
  redacts?: EventId
  unsigned?: JsonObject
}

/** What a reader of the stored event has to add: since room version 3 it carries no id, since 12 the create event no room. */
export type ClientEventParts = { eventId: EventId; roomId: RoomId; version: RoomVersion; unsigned?: JsonObject }

/** Drops what is between servers (hashes, signatures, the graph); the `unsigned` of the event itself is never passed on. */
export function toClientEvent(pdu: Pdu, { eventId, roomId, version, unsigned }: ClientEventParts): ClientEvent {
  const event: ClientEvent = {
    type: pdu.type,
    sender: pdu.sender,
    event_id: eventId,
    room_id: roomId,
    content: pdu.content,
    origin_server_ts: pdu.origin_server_ts,
  }
  if (pdu.state_key !== undefined) event.state_key = pdu.state_key
  if (unsigned !== undefined) event.unsigned = unsigned
  return pdu.type === 'm.room.redaction' ? withBothRedacts(event, redactedEventId(pdu, version)) : event
}

/** Clients read the target in the place of either age. https://spec.matrix.org/v1.19/rooms/v11/#moving-the-redacts-property-of-mroomredaction-events-to-a-content-property */
function withBothRedacts(event: ClientEvent, redacts: EventId | undefined): ClientEvent {
  if (redacts === undefined) return event
  return { ...event, redacts, content: { ...event.content, redacts } }
}

/** A copy holding only the properties at the given dot-separated paths (`event_fields` of a filter). */
export function onlyFields(event: JsonObject, fields: readonly string[]): JsonObject {
  const kept: JsonObject = {}
  for (const field of fields) copyAt(event, kept, parsePropertyPath(field))
  return kept
}

function copyAt(source: JsonObject, target: JsonObject, names: readonly string[]): void {
  const [name = '', ...rest] = names
  if (!Object.hasOwn(source, name)) return
  const value = source[name]
  const copied = Object.hasOwn(target, name) ? target[name] : undefined
  // The whole value was asked for already; descending would write into the original.
  if (copied === value) return
  if (rest.length === 0) define(target, name, value)
  else if (isObject(value)) {
    const inner = isObject(copied) ? copied : {}
    copyAt(value, inner, rest)
    if (copied === undefined && Object.keys(inner).length > 0) define(target, name, inner)
  }
}

/** Assignment would set the prototype when the name is `__proto__`. */
function define(target: JsonObject, name: string, value: JsonValue | undefined): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}
