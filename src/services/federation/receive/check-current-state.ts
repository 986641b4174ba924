import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { Rejection } from '#protocol/auth-rules/rejection.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { ReceiveNeeds } from './ports.ts'

/**
 * Check 6: whether the event is allowed by the room's present state; if not it is soft-failed, so that nobody evades a
 * ban by pretending to speak from before it. https://spec.matrix.org/v1.19/server-server-api/#soft-failure
 */
export async function checkCurrentState(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  pdu: Pdu,
): Promise<Rejection | undefined> {
  await loadStateEntries(ctx, room, [['m.room.create', ''], ...authEventKeys(pdu, room.version)])
  return authorize(pdu, room.version, (type, stateKey) => room.entry(type, stateKey)?.pdu)
}
