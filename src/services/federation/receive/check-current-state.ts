import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { Rejection } from '#protocol/auth-rules/rejection.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { loadHolders } from '#services/rooms/live/load-holders.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import type { ReceiveNeeds } from './ports.ts'

/**
 * Check 6: whether the event is allowed by the room's present state; if not it is soft-failed, so that nobody evades a
 * ban by pretending to speak from before it. https://spec.matrix.org/v1.19/server-server-api/#soft-failure
 */
export async function checkCurrentState(
  ctx: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  pdu: Pdu,
): Promise<Rejection | undefined> {
  await loadHolders(ctx, line, [['m.room.create', ''], ...authEventKeys(pdu, line.version)])
  return authorize(pdu, line.version, (type, stateKey) => line.holder(type, stateKey)?.pdu)
}
