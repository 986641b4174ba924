import { verify } from 'node:crypto'
import { promisify } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import { readPdu } from '#protocol/events/event-format.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { claimedOfEvent, requiredSigners, signingKeyIds, verifyEventSignature } from '#protocol/events/signatures.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { FindKey, ServerKey } from '#services/remote/server-key.ts'

type Room = { roomId: RoomId; version: RoomVersion }

/** Checks 1 to 3, which need nothing but the event and keys. */
export async function checkEvent(
  findKey: FindKey,
  value: JsonValue,
  room: Room,
): Promise<CheckedEvent | { violation: string }> {
  const checked = checkFormat(value, room)
  return 'violation' in checked ? checked : checkIntegrity(findKey, checked, room.version)
}

/**
 * Check 1: whether the JSON is an event of this room, by the room's own version and no other.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function checkFormat(
  value: JsonValue,
  { roomId, version }: { roomId: RoomId; version: RoomVersion },
): CheckedEvent | { violation: string } {
  const read = readPdu(value, version)
  if ('violation' in read) return read
  const { pdu } = read
  // NOTSPEC: the grammar of types and state keys has no limits, but no database column of PostgreSQL holds U+0000.
  if (`${pdu.type}${pdu.state_key ?? ''}`.includes('\0')) return { violation: 'A type or state key holds U+0000' }
  const id = eventId(pdu, version)
  const isCreate = version.roomIdIsCreateHash && pdu.room_id === undefined
  if ((isCreate ? `!${id.slice(1)}` : pdu.room_id) !== roomId) return { violation: 'The event is of another room' }
  return { pdu, eventId: id }
}

/**
 * Checks 2 and 3: answers the event as it is processed further. Its hash is looked at first, because what it says of
 * itself decides who must have signed it: nothing may excuse it from a signature and then be redacted away.
 */
export async function checkIntegrity(
  findKey: FindKey,
  { pdu: received, eventId }: CheckedEvent,
  version: RoomVersion,
): Promise<CheckedEvent | { violation: string }> {
  const pdu = checkHash(received, version)
  const unsigned = await checkSignatures(findKey, pdu, version)
  if (unsigned !== undefined) return { violation: `The event lacks a valid signature of ${unsigned}` }
  return { pdu, eventId }
}

/** Check 3: the event as it is processed further: redacted where its hash does not fit its content. */
export function checkHash(pdu: Pdu, version: RoomVersion): Pdu {
  return hasValidContentHash(pdu) ? pdu : redact(pdu, version)
}

/**
 * Check 2: whether every server that must have signed the event did. Answers the server whose signature is missing.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events
 */
export async function checkSignatures(
  findKey: FindKey,
  pdu: Pdu,
  version: RoomVersion,
): Promise<ServerName | undefined> {
  for (const server of requiredSigners(pdu, version))
    if (!(await isSignedByServer(findKey, { server, pdu, version }))) return server
  return undefined
}

type Claim = { server: ServerName; pdu: Pdu; version: RoomVersion }

/** What the server's known keys signed must all be true. Any server on the way may have added other signatures. */
export async function isSignedByServer(findKey: FindKey, { server, pdu, version }: Claim): Promise<boolean> {
  let verified = 0
  for (const keyId of signingKeyIds(pdu, server)) {
    const key = await findKey(server, keyId)
    if (!key || !isInForce(key, pdu, version)) continue
    if (!(await isTrue(pdu, version, key))) return false
    if (++verified === maxVerified) break
  }
  return verified > 0
}

/** Verified beside the event loop, unless this is itself a thread that has nothing else to do. */
function isTrue(pdu: Pdu, version: RoomVersion, key: ServerKey): boolean | Promise<boolean> {
  if (!isMainThread) return verifyEventSignature(pdu, version, key)
  const claimed = claimedOfEvent(pdu, version, key)
  return claimed !== undefined && verifyAside(null, claimed.text, key.publicKey, claimed.signature)
}

const verifyAside = promisify(verify)

// NOTSPEC: so many true signatures of one server are enough; more would only keep us busy.
const maxVerified = 20

/** An old key counts for what was sent before it expired; from room version 5 any, while its server says it is valid. */
const isInForce = (
  { validUntil, expiredAt = Infinity }: ServerKey,
  { origin_server_ts: sentAt }: Pdu,
  { enforceKeyValidity }: RoomVersion,
): boolean => expiredAt >= sentAt && (!enforceKeyValidity || validUntil >= sentAt)
