import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { stateFrom, type AuthState, type Rejection } from '#protocol/auth-rules/rejection.ts'
import { authEventIds, type Pdu } from '#protocol/events/event.ts'
import { serverOf } from '#protocol/ids.ts'
import { needsRecommendation } from '#protocol/events/policy-server.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
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
  const state = await authStateIn(ctx, room, { pdu, before })
  return authorize(pdu, room.version, await withCitedMembers(ctx, room, { pdu, state }))
}

/** What the rules ask of a state to judge an event. */
export async function authStateIn(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  { pdu, before }: { pdu: Pdu; before: StateDiff },
): Promise<AuthState> {
  const ids = keysAsked(pdu, room).flatMap((key) => entryIn(room, before, key) ?? [])
  return stateFrom((await loadPdus(ctx, room, ids)).values())
}

/** What the rules ask of a state when they judge an event. */
export const keysAsked = (pdu: Pdu, { version }: Pick<LiveRoom, 'version'>): StateKey[] =>
  [['m.room.create', ''] as const, ...authEventKeys(pdu, version)].map(([type, key]) => stateKey(type, key))

/** Where members are still to come, those that the event itself cites stand for the ones that the state lacks. */
async function withCitedMembers(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  { pdu, state }: { pdu: Pdu; state: AuthState },
): Promise<AuthState> {
  if (!room.isPartial) return state
  const cited = await ctx.store.rooms.events.findMany(authEventIds(pdu, room.version))
  const members = new Map<string | null, Pdu>()
  for (const event of cited)
    if (event.roomNid === room.nid && event.type === 'm.room.member' && event.status !== 'rejected')
      members.set(event.stateKey, storedPdu(event, room))
  return (type, key) => state(type, key) ?? (type === 'm.room.member' ? members.get(key) : undefined)
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
  const state: AuthState = (type, key) => room.nextStateEntry(type, key)?.pdu
  return authorize(pdu, room.version, await withCitedMembers(ctx, room, { pdu, state }))
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
