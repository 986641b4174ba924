import type { Pdu } from './event.ts'
import { maxIdBytes } from '#protocol/ids.ts'

/** The size of a whole event, signatures included, in bytes of canonical JSON. */
export const maxEventBytes = 65_536

export const maxPrevEvents = 20
export const maxAuthEvents = 10

const shortFields = ['sender', 'room_id', 'state_key', 'type', 'event_id'] as const

/**
 * Why the event, of so many bytes of canonical JSON, is too big for the protocol, if it is.
 * https://spec.matrix.org/v1.19/client-server-api/#size-limits
 */
export function sizedEventViolation(pdu: Pdu, bytes: number): string | undefined {
  return fieldViolation(pdu) ?? byteViolation(bytes)
}

function fieldViolation(pdu: Pdu): string | undefined {
  for (const field of shortFields)
    if (Buffer.byteLength(pdu[field] ?? '') > maxIdBytes) return `${field} is longer than ${maxIdBytes} bytes`
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
