import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { splitStateKey, stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { MemberWrite } from '#store/rooms/room-write.ts'
import type { StateTransition } from '#services/rooms/write/persist-received.ts'
import { membershipsOf } from '#services/rooms/events/describe-event.ts'
import { followedExtremities, isBehind, type Step } from './followed-extremities.ts'
import { loadParents } from './plan-branch.ts'
import { resolveStates } from './resolve-states.ts'
import type { StateEntry, StateEntryChange, LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInTimeline } from './state-before.ts'
import type { StateDiff } from './state-diff.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

type Needs = Pick<Context, 'store'>

/** More heads than an event can follow are never kept: what then forks takes part once somebody follows it. */
export const maxForwardExtremities = 20

export type Accepted = { pdu: Pdu; eventId: EventId; before: StateDiff; prevs: readonly StoredEvent[] }

/**
 * What an accepted event makes of the room's line: the heads without those it follows, and the state that all heads
 * resolve to. Undefined where nothing changes: it becomes no head when one comes after it already, nor when there are
 * very many, or a flood of forks could push honest heads out.
 */
export async function stateTransition(
  ctx: Needs,
  room: LiveRoom,
  event: Accepted,
): Promise<StateTransition | undefined> {
  const followed = await headsBehind(ctx, room, event.prevs)
  const kept = room.forwardExtremities.filter((id) => !followed.has(id))
  const isLate = kept.length > 0 && (await isBehindHeads(ctx, room, { kept, event }))
  if (followed.size === 0 && (isLate || room.forwardExtremities.length >= maxForwardExtremities)) return undefined
  const after = await meet(ctx, room, { kept, own: isLate ? undefined : stateWith(event), event })
  return {
    forwardExtremities: isLate ? kept : [...kept, event.eventId],
    ...(await changesOf(ctx, room, { after, event })),
  }
}

/** The step of an event that follows exactly the heads of the line. */
export function plainTransition({ pdu, eventId }: Pick<Accepted, 'pdu' | 'eventId'>): StateTransition {
  const { type, state_key: key } = pdu
  if (key === undefined) return { forwardExtremities: [eventId], entries: [], members: [] }
  const entry: StateEntry = { type, stateKey: key, eventId, from: undefined, position: undefined, pdu }
  return { forwardExtremities: [eventId], entries: [{ type, stateKey: key, entry }], members: membershipsOf(pdu) }
}

function stateWith({ pdu, eventId, before }: Accepted): StateDiff {
  return pdu.state_key === undefined ? before : new Map(before).set(stateKey(pdu.type, pdu.state_key), eventId)
}

function headsBehind(ctx: Needs, room: LiveRoom, prevs: readonly StoredEvent[]): Promise<Set<EventId>> {
  return followedExtremities({
    forwardExtremities: new Set(room.forwardExtremities),
    create: room.entry('m.room.create', '')?.eventId,
    prevs: prevs.map(({ eventId }) => eventId),
    find: (ids) => findSteps(ctx, room, ids),
  })
}

function isBehindHeads(
  ctx: Needs,
  room: LiveRoom,
  { kept, event: { eventId, pdu } }: Omit<Meeting, 'own'>,
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

/** `own`: the state after the event, where it becomes a head. */
type Meeting = { kept: readonly EventId[]; own: StateDiff | undefined; event: Accepted }

async function meet(ctx: Needs, room: LiveRoom, { kept, own, event }: Meeting): Promise<StateDiff> {
  if (kept.length === 0 && own) return own
  const forwardExtremities = await loadParents(ctx, room, await ctx.store.rooms.events.findMany(kept))
  const diffs = [...forwardExtremities.map(({ diff }) => diff), ...(own ? [own] : [])]
  return resolveStates(ctx, room, { diffs, newest: event })
}

type Outcome = { after: StateDiff; event: Accepted }

const sliceSize = 500

/** The state keys that change on the line; after a join these are all that hold any state. */
async function changesOf(
  ctx: Needs,
  room: LiveRoom,
  { after, event }: Outcome,
): Promise<Omit<StateTransition, 'forwardExtremities'>> {
  const changed = [...after].filter(([place, id]) => (room.state.get(place)?.eventId ?? null) !== id)
  const entries: StateEntryChange[] = []
  const members: MemberWrite[] = []
  for (let start = 0; start < changed.length; start += sliceSize) {
    if (changed.length > sliceSize) await nextTurn()
    const slice = changed.slice(start, start + sliceSize)
    const found = await ctx.store.rooms.events.findMany(slice.flatMap(([, id]) => id ?? []))
    const stored = new Map(found.map((one) => [one.eventId, one]))
    for (const [place, id] of slice) {
      const [type, key] = splitStateKey(place)
      const entry = id === null ? undefined : holderOf(room, place, id === event.eventId ? event : stored.get(id))
      entries.push({ type, stateKey: key, entry })
      if (type === 'm.room.member') members.push(...membershipsAfter(key as UserId, entry))
    }
  }
  return { entries, members }
}

/** Members are many: what they say of themselves is loaded again when somebody asks. */
function membershipsAfter(userId: UserId, entry: StateEntry | undefined): MemberWrite[] {
  if (!entry?.pdu) return [{ userId, membership: 'leave', sender: userId }]
  const memberships = membershipsOf(entry.pdu)
  if (entry.position !== undefined) entry.pdu = undefined
  return memberships
}

function holderOf(room: LiveRoom, place: StateKey, event: Accepted | StoredEvent | undefined): StateEntry {
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
