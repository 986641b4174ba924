import type { JsonValue, Pdu } from '#protocol/events/event.ts'
import { readEvent, type ReadEvent } from '#protocol/events/read-event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { requiredSigners, signatureUnder, signingKeyIds } from '#protocol/events/signatures.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { CheckedEvent, VerifyAside } from './checked-event.ts'
import { verifyInPool } from './verify-aside.ts'
import type { FindKey, ServerKey } from '#services/remote/server-key.ts'

/** `verifyAside` is absent where signatures are few. */
type Verifying = { findKey: FindKey; verifyAside?: VerifyAside | undefined }

type Room = { roomId: RoomId; version: RoomVersion }

/** Checks 1 to 3, which need nothing but the event and keys. */
export async function checkEvent(
  findKey: FindKey,
  value: JsonValue,
  room: Room,
): Promise<CheckedEvent | { violation: string }> {
  const checked = checkFormat(value, room)
  return 'violation' in checked ? checked : checkIntegrity({ findKey }, checked, room.version)
}

/**
 * Check 1: whether the JSON is an event of this room, by the room's own version and no other.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function checkFormat(
  value: JsonValue,
  { roomId, version }: { roomId: RoomId; version: RoomVersion },
): ReadEvent | { violation: string } {
  const read = readEvent(value, version)
  if ('violation' in read) return read
  const { pdu, eventId } = read
  // NOTSPEC: the grammar of types and state keys has no limits, but no database column of PostgreSQL holds U+0000.
  if (`${pdu.type}${pdu.state_key ?? ''}`.includes('\0')) return { violation: 'A type or state key holds U+0000' }
  const isCreate = version.roomIdIsCreateHash && pdu.room_id === undefined
  if ((isCreate ? `!${eventId.slice(1)}` : pdu.room_id) !== roomId) return { violation: 'The event is of another room' }
  return read
}

/**
 * Checks 2 and 3: answers the event as it is processed further. Its hash is looked at first, because what it says of
 * itself decides who must have signed it: nothing may excuse it from a signature and then be redacted away.
 */
export async function checkIntegrity(
  ctx: Verifying,
  { pdu: received, eventId, isWhole, signedText }: ReadEvent,
  version: RoomVersion,
): Promise<CheckedEvent | { violation: string }> {
  const pdu = isWhole ? received : redact(received, version)
  const unsigned = await checkSignatures(ctx, { pdu, signedText, version })
  if (unsigned !== undefined) return { violation: `The event lacks a valid signature of ${unsigned}` }
  return { pdu, eventId }
}

type Signed = Pick<ReadEvent, 'pdu' | 'signedText'> & { version: RoomVersion }

/**
 * Check 2: whether every server that must have signed the event did. Answers the server whose signature is missing.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events
 */
async function checkSignatures(ctx: Verifying, signed: Signed): Promise<ServerName | undefined> {
  for (const server of requiredSigners(signed.pdu, signed.version))
    if (!(await isSignedByServer(ctx, { server, ...signed }))) return server
  return undefined
}

type Claim = Signed & { server: ServerName }

/** What the server's known keys signed must all be true. Any server on the way may have added other signatures. */
export async function isSignedByServer(
  { findKey, verifyAside = verifyInPool }: Verifying,
  { server, pdu, signedText, version }: Claim,
): Promise<boolean> {
  let verified = 0
  for (const keyId of signingKeyIds(pdu, server)) {
    const key = await findKey(server, keyId)
    if (!key || !isInForce(key, pdu, version)) continue
    const signature = signatureUnder(key, pdu)
    if (!signature || !(await verifyAside({ text: Buffer.from(signedText), signature, publicKey: key.publicKey })))
      return false
    if (++verified === maxVerified) break
  }
  return verified > 0
}

// NOTSPEC: so many true signatures of one server are enough; more would only keep us busy.
const maxVerified = 20

/** An old key counts for what was sent before it expired; from room version 5 any, while its server says it is valid. */
const isInForce = (
  { validUntil, expiredAt = Infinity }: ServerKey,
  { origin_server_ts: sentAt }: Pdu,
  { enforceKeyValidity }: RoomVersion,
): boolean => expiredAt >= sentAt && (!enforceKeyValidity || validUntil >= sentAt)
