import { redactedEventId, type Pdu } from './event.ts'
import { serverOf } from '#protocol/ids.ts'
import type { PowerLevels } from '#protocol/rooms/power-levels.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** A redaction beside the event it is aimed at, and the levels in force where the redaction stands. */
export type RedactionAttempt = { redaction: Pdu; target: Pdu; levels: PowerLevels }

/**
 * Whether an accepted redaction takes effect. Before room version 3 the auth rules have decided that already.
 * https://spec.matrix.org/v1.19/rooms/v3/#handling-redactions
 */
export function mayRedact({ redaction, target, levels }: RedactionAttempt, version: RoomVersion): boolean {
  if (!isSameRoom(redaction, target, version)) return false
  if (version.redactionAuthRule) return true
  return levels.ofUser(redaction.sender) >= levels.redact || serverOf(redaction.sender) === serverOf(target.sender)
}

/** The create event of a room from version 12 names its room by its own id. */
function isSameRoom(redaction: Pdu, target: Pdu, version: RoomVersion): boolean {
  if (!version.roomIdIsCreateHash || target.type !== 'm.room.create') return redaction.room_id === target.room_id
  return redaction.room_id?.slice(1) === redactedEventId(redaction, version)?.slice(1)
}
