import { needsRecommendation } from '#protocol/events/policy-server.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'

/**
 * Check 7: whether the room's Policy Server recommends the event, where the room uses one; if not it is soft-failed.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures
 */
export async function checkPolicy(
  { askPolicy }: Pick<ReceiveNeeds, 'askPolicy'>,
  room: LiveRoom,
  event: CheckedEvent,
): Promise<boolean> {
  return !needsRecommendation(event.pdu) || !askPolicy || askPolicy(room, event)
}
