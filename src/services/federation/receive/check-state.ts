import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { stateFrom, type Rejection } from '#protocol/auth-rules/rejection.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { serverOf } from '#protocol/ids.ts'
import { needsRecommendation } from '#protocol/events/policy-server.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { loadPdus } from '#services/rooms/events/load-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { entryIn, type StateDiff } from '#services/rooms/state/state-diff.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'

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

/**
 * Check 6: whether the event is allowed by the room's current state; if not it is soft-failed, so that a ban
 * is not evaded by an event that claims to be from before it.
 * https://spec.matrix.org/v1.19/server-server-api/#soft-failure
 */
export async function checkCurrentState(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  pdu: Pdu,
): Promise<Rejection | undefined> {
  await loadStateEntries(ctx, room, [['m.room.create', ''], ...authEventKeys(pdu, room.version)])
  return authorize(pdu, room.version, (type, stateKey) => room.nextStateEntry(type, stateKey)?.pdu)
}

/**
 * Whether the room's server ACL lets the sender's server take part. It is asked of what comes in as the past of another
 * event, which as an event of its own would have been dropped: it is soft-failed, so that a banned server gains nothing
 * by being followed.
 */
export function checkServerAcl(
  ctx: Pick<ReceiveNeeds, 'store' | 'serverAcls'>,
  room: LiveRoom,
  { sender }: Pick<Pdu, 'sender'>,
): Promise<boolean> {
  return mayTakePart(ctx, room, serverOf(sender))
}

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
