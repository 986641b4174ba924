import type { Context } from '#context.ts'
import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { splitStateKey, stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { MembershipChange } from '#store/rooms/room-write.ts'
import type { StateTransition } from '#services/rooms/write/persist-received.ts'
import { membershipsOf } from '#services/rooms/events/describe-event.ts'
import { followedExtremities, isBehind, type Step } from './followed-extremities.ts'
import { loadParents } from './plan-branch.ts'
import { resolveStates } from './resolve-states.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntry, StateEntryChange } from '#services/rooms/live/state-entry.ts'
import { isInTimeline } from './state-before.ts'
import type { StateDiff } from './state-diff.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { inSlicesWithPauses } from '#base/in-slices.ts'

type Needs = Pick<Context, 'store'>

/** More forward extremities than an event can follow are never kept: what then forks takes part once an event follows it. */
export const maxForwardExtremities = 20

export type Accepted = { pdu: Pdu; eventId: EventId; before: StateDiff; prevs: readonly GraphEvent[] }

/**
 * What an accepted event changes: the forward extremities without those it follows, and the state that all of them
 * resolve to. Undefined where nothing changes: it becomes no forward extremity when one comes after it already, nor when
 * there are very many, or a flood of forks could push honest ones out.
 */
export async function stateTransition(
  ctx: Needs,
  room: LiveRoom,
  event: Accepted,
): Promise<StateTransition | undefined> {
  const followed = await followedBy(ctx, room, event.prevs)
  const kept = room.forwardExtremities.filter((id) => !followed.has(id))
  const isLate = kept.length > 0 && (await isBehindExtremities(ctx, room, { kept, event }))
  if (followed.size === 0 && (isLate || room.forwardExtremities.length >= maxForwardExtremities)) return undefined
  const after = await meet(ctx, room, { kept, own: isLate ? undefined : stateWith(event), followed, event })
  return {
    forwardExtremities: isLate ? kept : [...kept, event.eventId],
    ...(await changesOf(ctx, room, { after, event })),
  }
}

/** The transition of an event that follows exactly the forward extremities. */
export function plainTransition({ pdu, eventId }: Pick<Accepted, 'pdu' | 'eventId'>): StateTransition {
  const { type, state_key: key } = pdu
  if (key === undefined) return { forwardExtremities: [eventId], entries: [], members: [] }
  const entry: StateEntry = { type, stateKey: key, eventId, from: undefined, position: undefined, pdu }
  return { forwardExtremities: [eventId], entries: [{ type, stateKey: key, entry }], members: membershipsOf(pdu) }
}

function stateWith({ pdu, eventId, before }: Accepted): StateDiff {
  return pdu.state_key === undefined ? before : new Map(before).set(stateKey(pdu.type, pdu.state_key), eventId)
}

function followedBy(ctx: Needs, room: LiveRoom, prevs: readonly GraphEvent[]): Promise<Set<EventId>> {
  return followedExtremities({
    forwardExtremities: new Set(room.forwardExtremities),
    create: room.entry('m.room.create', '')?.eventId,
    prevs: prevs.map(({ eventId }) => eventId),
    find: (ids) => findSteps(ctx, room, ids),
  })
}

function isBehindExtremities(
  ctx: Needs,
  room: LiveRoom,
  { kept, event: { eventId, pdu } }: Pick<Meeting, 'kept' | 'event'>,
): Promise<boolean> {
  return isBehind({ eventId, depth: pdu.depth, forwardExtremities: kept, find: (ids) => findSteps(ctx, room, ids) })
}

async function findSteps({ store }: Needs, room: LiveRoom, ids: readonly EventId[]): Promise<Step[]> {
  const found = (await store.rooms.events.findMany(ids)).filter((one) => one.roomNid === room.nid && isInTimeline(one))
  return found.map((event) => {
    const pdu = storedPdu(event, room)
    return { isAccepted: event.status === 'accepted', depth: pdu.depth, prevs: () => prevEventIds(pdu, room.version) }
  })
}

/** `own`: the state after the event, where it becomes a forward extremity. */
type Meeting = {
  kept: readonly EventId[]
  own: StateDiff | undefined
  /** Forward extremities that it comes after. */
  followed: ReadonlySet<EventId>
  event: Accepted
}

async function meet(ctx: Needs, room: LiveRoom, { kept, own, followed, event }: Meeting): Promise<StateDiff> {
  if (kept.length === 0 && own) return own
  // The states that meet are the same as before: so is what they resolve to.
  if (own && isSameMeeting(room, event, followed)) return new Map()
  const forwardExtremities = await loadParents(ctx, room, await ctx.store.rooms.events.findMany(kept))
  const diffs = [...forwardExtremities.map(({ diff }) => diff), ...(own ? [own] : [])]
  return resolveStates(ctx, room, { diffs, newest: event })
}

/**
 * Whether the event takes the place of the one forward extremity that it follows, and changes no state: so several heads
 * are not resolved anew for every message on one of them.
 */
function isSameMeeting(room: LiveRoom, { pdu, prevs }: Accepted, followed: ReadonlySet<EventId>): boolean {
  const [prev] = prevs
  const isAfterOne = prev !== undefined && new Set(prevEventIds(pdu, room.version)).size === 1
  return isAfterOne && pdu.state_key === undefined && followed.size === 1 && followed.has(prev.eventId)
}

/** `event`: the one that is being accepted, if it is one that changes the state. */
type Outcome = { after: StateDiff; event?: Accepted }

const sliceSize = 500

/** The state keys that change in the current state; after a join these are all of the state. */
export async function changesOf(
  ctx: Needs,
  room: LiveRoom,
  { after, event }: Outcome,
): Promise<Omit<StateTransition, 'forwardExtremities'>> {
  const changed = [...after].filter(([place, id]) => (room.state.get(place)?.eventId ?? null) !== id)
  const entries: StateEntryChange[] = []
  const members: MembershipChange[] = []
  for await (const slice of inSlicesWithPauses(changed, sliceSize)) {
    const found = await ctx.store.rooms.events.findMany(slice.flatMap(([, id]) => id ?? []))
    const stored = new Map(found.map((one) => [one.eventId, one]))
    for (const [place, id] of slice) {
      const [type, key] = splitStateKey(place)
      const entry = id === null ? undefined : stateEntryOf(room, place, id === event?.eventId ? event : stored.get(id))
      if (type === 'm.room.member') members.push(...membershipsAfter(key as UserId, entry))
      entries.push({ type, stateKey: key, entry: type === 'm.room.member' ? withoutPdu(entry) : entry })
    }
  }
  return { entries, members }
}

function membershipsAfter(userId: UserId, entry: StateEntry | undefined): MembershipChange[] {
  if (!entry?.pdu) return [{ userId, membership: 'leave', sender: userId }]
  return membershipsOf(entry.pdu)
}

/** Members are many: their events are loaded again when they are needed. */
const withoutPdu = (entry: StateEntry | undefined): StateEntry | undefined =>
  entry?.position === undefined ? entry : { ...entry, pdu: undefined }

function stateEntryOf(room: LiveRoom, place: StateKey, event: Accepted | GraphEvent | undefined): StateEntry {
  if (!event) throw new Error('A state holds an event that is not stored')
  const [type, key] = splitStateKey(place)
  const isStored = 'clientJson' in event
  return {
    type,
    stateKey: key,
    eventId: event.eventId,
    from: undefined,
    position: isStored ? event.position : undefined,
    pdu: isStored ? storedPdu(event, room) : event.pdu,
  }
}
