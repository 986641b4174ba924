import type { Pdu } from './event.ts'
import { maxIdBytes } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** The size of a whole event, signatures included, in bytes of canonical JSON. */
export const maxEventBytes = 65_536

export const maxPrevEvents = 20
export const maxAuthEvents = 10

const shortFields = ['sender', 'room_id', 'state_key', 'type', 'event_id'] as const
/** Before room version 11 other servers may have made these longer; the other ids are no ids then. */
const lenientFields: readonly string[] = ['sender', 'state_key', 'type']

type Size = { version: RoomVersion; bytes: number }

/**
 * Why an event of another server, of so many bytes of canonical JSON, is no event of the room for its size.
 * https://spec.matrix.org/v1.19/client-server-api/#size-limits
 */
export function receivedEventViolation(pdu: Pdu, { version, bytes }: Size): string | undefined {
  return fieldViolation(pdu, version) ?? countViolation(pdu) ?? byteViolation(bytes)
}

/** The same of an event that is made here. */
export function sizedEventViolation(pdu: Pdu, bytes: number): string | undefined {
  return longFieldOf(pdu) ?? countViolation(pdu) ?? byteViolation(bytes)
}

/**
 * Why an event that can be in the room is not allowed in it, for its size.
 * NOTSPEC: the limit is in bytes, but up to room version 10 Synapse and others counted code points. Such events are in the
 * past of others, so they are kept, and rejected as Synapse does, or the states of servers would differ.
 */
export function longFieldOf(pdu: Pick<Pdu, (typeof shortFields)[number]>): string | undefined {
  const field = shortFields.find((one) => Buffer.byteLength(pdu[one] ?? '') > maxIdBytes)
  return field && `${field} is longer than ${maxIdBytes} bytes`
}

function fieldViolation(pdu: Pdu, { limitsFieldBytes }: RoomVersion): string | undefined {
  if (limitsFieldBytes || longFieldOf(pdu) === undefined) return longFieldOf(pdu)
  const isShort = (field: (typeof shortFields)[number]) => {
    const text = pdu[field] ?? ''
    return lenientFields.includes(field) ? [...text].length <= maxIdBytes : Buffer.byteLength(text) <= maxIdBytes
  }
  return shortFields.every(isShort) ? undefined : longFieldOf(pdu)
}

function countViolation(pdu: Pdu): string | undefined {
  if (pdu.prev_events.length > maxPrevEvents) return `More than ${maxPrevEvents} prev_events`
  if (pdu.auth_events.length > maxAuthEvents) return `More than ${maxAuthEvents} auth_events`
  return isDepth(pdu.depth) ? undefined : 'depth is not an integer between 0 and (2^53)-1'
}

/** The depth of an event after others; it stops growing at the largest integer that all servers can read. */
export function depthAfter(depths: readonly number[]): number {
  const deepest = depths.reduce((most, depth) => Math.max(most, depth), 0)
  return Math.min(deepest + 1, Number.MAX_SAFE_INTEGER)
}

// NOTSPEC: room versions before 6 allow up to 2^63-1, which no JavaScript number holds exactly; such events are refused.
function isDepth(depth: number): boolean {
  return Number.isSafeInteger(depth) && depth >= 0
}

const byteViolation = (bytes: number): string | undefined =>
  bytes > maxEventBytes ? `The event is larger than ${maxEventBytes} bytes` : undefined
