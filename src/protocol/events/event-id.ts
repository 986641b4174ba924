import { hash } from 'node:crypto'
import { canonicalJson, type NumberRule } from '#protocol/json/canonical-json.ts'
import { isObject, type EventReference, type JsonValue, type Pdu, type UnsignedPdu } from './event.ts'
import { isValidEventId, type EventId, type RoomId, type ServerName } from '#protocol/ids.ts'
import { redact } from './redaction.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/**
 * The event's name: from room version 3 its reference hash, before that what its origin chose.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event
 */
export function eventId(pdu: Pdu, version: RoomVersion, numbers: NumberRule = 'lenient'): EventId {
  if (version.eventIds === 'chosen-by-origin') {
    if (pdu.event_id === undefined) throw new TypeError('The event does not carry its id')
    return pdu.event_id
  }
  return idAfter(referenceText(pdu, version, numbers), version)
}

/** The name of an event from what is signed of it, as canonical JSON, from room version 3. */
export const idAfter = (signedText: string | Uint8Array, version: RoomVersion): EventId =>
  `$${hash('sha256', signedText, version.eventIds === 'url-safe' ? 'base64url' : 'base64').replace(/=+$/, '')}`

/**
 * The id under which a server knows what it sent, also where that is no event that we take: to answer with. Undefined
 * where it can have none.
 */
export function idOfSent(value: JsonValue, version: RoomVersion): EventId | undefined {
  if (!isObject(value)) return undefined
  try {
    if (version.eventIds !== 'chosen-by-origin') return eventId(value as Pdu, version, 'as-sent')
    return typeof value.event_id === 'string' && isValidEventId(value.event_id) ? value.event_id : undefined
  } catch {
    return undefined
  }
}

/** How an event is cited in `prev_events` and `auth_events`: by its id, before room version 3 with its hash. */
export function citationOf(pdu: Pdu, version: RoomVersion): EventId | EventReference {
  const id = eventId(pdu, version)
  return version.eventFormat === 'v1' ? [id, { sha256: referenceHash(pdu, version) }] : id
}

/** A name for an event of room versions 1 and 2, where its origin chooses: no two events of a server are alike. */
export function chosenEventId(event: UnsignedPdu, serverName: ServerName): EventId {
  return `$${hash('sha256', canonicalJson(event), 'base64url').slice(0, 24)}:${serverName}`
}

/** The id of the room that the create event opens: its own event id under another sigil, from room version 12. */
export function roomIdOfCreate(create: Pdu, version: RoomVersion): RoomId {
  if (version.roomIdIsCreateHash) return `!${eventId(create, version).slice(1)}`
  if (create.room_id === undefined) throw new TypeError('The create event does not name its room')
  return create.room_id
}

const referenceHash = (pdu: Pdu, version: RoomVersion): string =>
  encodeUnpaddedBase64(hash('sha256', referenceText(pdu, version), 'buffer'))

function referenceText(pdu: Pdu, version: RoomVersion, numbers: NumberRule = 'lenient'): string {
  const { signatures, unsigned, ...hashed } = redact(pdu, version)
  return canonicalJson(hashed, numbers)
}
