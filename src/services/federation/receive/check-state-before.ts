import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { stateFrom, type Rejection } from '#protocol/auth-rules/rejection.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { loadPdus } from '#services/rooms/events/load-pdus.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { holderIn, type Overlay } from '#services/rooms/state/state-overlay.ts'
import type { ReceiveNeeds } from './ports.ts'

/** Check 5: whether the event is allowed by the state before it. */
export async function checkStateBefore(
  ctx: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  { pdu, before }: { pdu: Pdu; before: Overlay },
): Promise<Rejection | undefined> {
  const keys = [['m.room.create', ''] as const, ...authEventKeys(pdu, line.version)]
  const ids = keys.flatMap(([type, key]) => holderIn(line, before, stateKey(type, key)) ?? [])
  const state = stateFrom((await loadPdus(ctx, line, ids)).values())
  return authorize(pdu, line.version, state)
}
