import { hash } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
import type { Pdu } from './event.ts'
import type { EventId, RoomId } from './ids.ts'
import { redact } from './redaction.ts'
import type { RoomVersion } from './room-version.ts'

/**
 * The event's name: from room version 3 its reference hash, before that what its origin chose.
 * https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event
 */
export function eventId(pdu: Pdu, version: RoomVersion): EventId {
  if (version.eventIds === 'chosen-by-origin') {
    if (pdu.event_id === undefined) throw new TypeError('The event does not carry its id')
    return pdu.event_id
  }
  const digest = referenceHash(pdu, version)
  return `$${digest.toString(version.eventIds === 'url-safe' ? 'base64url' : 'base64').replace(/=+$/, '')}`
}

/** The id of the room that the create event opens: its own event id under another sigil, from room version 12. */
export function roomIdOfCreate(create: Pdu, version: RoomVersion): RoomId {
  if (version.roomIdIsCreateHash) return `!${eventId(create, version).slice(1)}`
  if (create.room_id === undefined) throw new TypeError('The create event does not name its room')
  return create.room_id
}

function referenceHash(pdu: Pdu, version: RoomVersion): Buffer {
  const { signatures, unsigned, ...hashed } = redact(pdu, version)
  return hash('sha256', canonicalJson(hashed, 'lenient'), 'buffer')
}
