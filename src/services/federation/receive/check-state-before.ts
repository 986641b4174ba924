import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { stateFrom, type Rejection } from '#protocol/auth-rules/rejection.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { loadPdus } from '#services/rooms/events/load-pdus.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { entryIn, type StateDiff } from '#services/rooms/state/state-diff.ts'
import type { ReceiveNeeds } from './ports.ts'

/** Check 5: whether the event is allowed by the state before it. */
export async function checkStateBefore(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  { pdu, before }: { pdu: Pdu; before: StateDiff },
): Promise<Rejection | undefined> {
  const keys = [['m.room.create', ''] as const, ...authEventKeys(pdu, room.version)]
  const ids = keys.flatMap(([type, key]) => entryIn(room, before, stateKey(type, key)) ?? [])
  const state = stateFrom((await loadPdus(ctx, room, ids)).values())
  return authorize(pdu, room.version, state)
}
