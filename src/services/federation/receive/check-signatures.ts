import type { Pdu } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { requiredSigners, signingKeyIds, verifyEventSignature } from '#protocol/events/signatures.ts'
import type { FindKey, ServerKey } from './checked-event.ts'

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
    if (!(await isSignedBy(findKey, { server, pdu, version }))) return server
  return undefined
}

type Claim = { server: ServerName; pdu: Pdu; version: RoomVersion }

/** What the server's known keys signed must all be true. Any server on the way may have added other signatures. */
async function isSignedBy(findKey: FindKey, { server, pdu, version }: Claim): Promise<boolean> {
  let verified = 0
  for (const keyId of signingKeyIds(pdu, server)) {
    const key = await findKey(server, keyId)
    if (!key || !isInForce(key, pdu, version)) continue
    if (!verifyEventSignature(pdu, version, key)) return false
    if (++verified === maxVerified) break
  }
  return verified > 0
}

// NOTSPEC: so many true signatures of one server are enough; more would only keep us busy.
const maxVerified = 20

/** An old key counts for what was sent before it expired; from room version 5 any, while its server stands by it. */
const isInForce = (
  { validUntil, expiredAt = Infinity }: ServerKey,
  { origin_server_ts: sentAt }: Pdu,
  { enforceKeyValidity }: RoomVersion,
): boolean => expiredAt >= sentAt && (!enforceKeyValidity || validUntil >= sentAt)
