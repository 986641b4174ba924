import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { checkHash } from './check-hash.ts'
import { checkSignatures } from './check-signatures.ts'
import type { CheckedEvent, FindKey } from './checked-event.ts'

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
