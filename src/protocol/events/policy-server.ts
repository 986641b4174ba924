import { isObject, type Pdu } from './event.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { verifyEventSignature } from './signatures.ts'
import { decodePublicKey } from './signing-key.ts'

/** The server that recommends the events of a room, and the key it does so with, in unpadded base64. */
export type PolicyServer = { serverName: ServerName; publicKey: string }

/** The id of its key, in every room: only Ed25519 is understood. */
export const policyKeyId = 'ed25519:policy_server'

/**
 * The Policy Server that a room uses: one that its current `m.room.policy` names and that has a joined user in it.
 * https://spec.matrix.org/v1.19/server-server-api/#determining-if-a-policy-server-is-enabled-in-a-room
 */
export function policyServerOf(
  policy: Pick<Pdu, 'content'> | undefined,
  hasJoinedUser: (serverName: ServerName) => boolean,
): PolicyServer | undefined {
  const { via, public_keys: keys } = policy?.content ?? {}
  const publicKey = isObject(keys) ? keys.ed25519 : undefined
  if (typeof via !== 'string' || typeof publicKey !== 'string') return undefined
  return isValidServerName(via) && hasJoinedUser(via) ? { serverName: via, publicKey } : undefined
}

/** Whether a Policy Server is asked about the event at all: the room's choice of one never is. */
export function needsRecommendation({ type, state_key: stateKey }: Pick<Pdu, 'type' | 'state_key'>): boolean {
  return type !== 'm.room.policy' || stateKey !== ''
}

/**
 * Whether the event bears the Policy Server's signature, beside that of its origin.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures
 */
export function isRecommended(pdu: Pdu, version: RoomVersion, { serverName, publicKey }: PolicyServer): boolean {
  const key = decodePublicKey(publicKey)
  return key !== undefined && verifyEventSignature(pdu, version, { serverName, keyId: policyKeyId, publicKey: key })
}
