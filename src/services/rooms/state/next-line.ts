import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { splitStateKey, stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { MemberWrite } from '#store/rooms/room-write.ts'
import type { LineStep } from '#services/rooms/write/commit-received.ts'
import { membershipsOf } from '#services/rooms/events/describe-event.ts'
import { followedHeads, isBehind, type Step } from './followed-heads.ts'
import { loadParents } from './plan-branch.ts'
import { resolveStates } from './resolve-states.ts'
import type { Holder, HolderChange, RoomLine } from '#services/rooms/live/room-line.ts'
import { hasPlace } from './state-before.ts'
import type { Overlay } from './state-overlay.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

type Needs = Pick<Context, 'store'>

/** More heads than an event can follow are never kept: what then forks takes part once somebody follows it. */
export const maxHeads = 20

export type Accepted = { pdu: Pdu; eventId: EventId; before: Overlay; prevs: readonly StoredEvent[] }

/**
 * What an accepted event makes of the room's line: the heads without those it follows, and the state that all heads
 * resolve to. Undefined where nothing changes: it becomes no head when one comes after it already, nor when there are
 * very many, or a flood of forks could push honest heads out.
 */
export async function nextLine(ctx: Needs, line: RoomLine, event: Accepted): Promise<LineStep | undefined> {
  const followed = await headsBehind(ctx, line, event.prevs)
  const kept = line.heads.filter((id) => !followed.has(id))
  const isLate = kept.length > 0 && (await isBehindHeads(ctx, line, { kept, event }))
  if (followed.size === 0 && (isLate || line.heads.length >= maxHeads)) return undefined
  const after = await meet(ctx, line, { kept, own: isLate ? undefined : stateWith(event), event })
  return {
    heads: isLate ? kept : [...kept, event.eventId],
    ...(await changesOf(ctx, line, { after, event })),
  }
}

/** The step of an event that follows exactly the heads of the line. */
export function plainStep({ pdu, eventId }: Pick<Accepted, 'pdu' | 'eventId'>): LineStep {
  const { type, state_key: key } = pdu
  if (key === undefined) return { heads: [eventId], holders: [], members: [] }
  const holder: Holder = { type, stateKey: key, eventId, from: undefined, position: undefined, pdu }
  return { heads: [eventId], holders: [{ type, stateKey: key, holder }], members: membershipsOf(pdu) }
}

function stateWith({ pdu, eventId, before }: Accepted): Overlay {
  return pdu.state_key === undefined ? before : new Map(before).set(stateKey(pdu.type, pdu.state_key), eventId)
}

function headsBehind(ctx: Needs, line: RoomLine, prevs: readonly StoredEvent[]): Promise<Set<EventId>> {
  return followedHeads({
    heads: new Set(line.heads),
    create: line.holder('m.room.create', '')?.eventId,
    prevs: prevs.map(({ eventId }) => eventId),
    find: (ids) => findSteps(ctx, line, ids),
  })
}

function isBehindHeads(
  ctx: Needs,
  line: RoomLine,
  { kept, event: { eventId, pdu } }: Omit<Meeting, 'own'>,
): Promise<boolean> {
  return isBehind({ eventId, depth: pdu.depth, heads: kept, find: (ids) => findSteps(ctx, line, ids) })
}

async function findSteps({ store }: Needs, line: RoomLine, ids: readonly EventId[]): Promise<Step[]> {
  const found = (await store.events.findMany(ids)).filter((one) => one.roomNid === line.nid && hasPlace(one))
  return found.map((event) => {
    const pdu = storedPdu(event, line)
    return { isAccepted: event.status === 'accepted', depth: pdu.depth, prevs: () => prevEventIds(pdu, line.version) }
  })
}

/** `own`: the state after the event, where it becomes a head. */
type Meeting = { kept: readonly EventId[]; own: Overlay | undefined; event: Accepted }

async function meet(ctx: Needs, line: RoomLine, { kept, own, event }: Meeting): Promise<Overlay> {
  if (kept.length === 0 && own) return own
  const heads = await loadParents(ctx, line, await ctx.store.events.findMany(kept))
  const overlays = [...heads.map(({ overlay }) => overlay), ...(own ? [own] : [])]
  return resolveStates(ctx, line, { overlays, newest: event })
}

type Outcome = { after: Overlay; event: Accepted }

const sliceSize = 500

/** The state keys that change on the line; after a join these are all that hold any state. */
async function changesOf(ctx: Needs, line: RoomLine, { after, event }: Outcome): Promise<Omit<LineStep, 'heads'>> {
  const changed = [...after].filter(([place, id]) => (line.state.get(place)?.eventId ?? null) !== id)
  const holders: HolderChange[] = []
  const members: MemberWrite[] = []
  for (let start = 0; start < changed.length; start += sliceSize) {
    if (changed.length > sliceSize) await nextTurn()
    const slice = changed.slice(start, start + sliceSize)
    const found = await ctx.store.events.findMany(slice.flatMap(([, id]) => id ?? []))
    const stored = new Map(found.map((one) => [one.eventId, one]))
    for (const [place, id] of slice) {
      const [type, key] = splitStateKey(place)
      const holder = id === null ? undefined : holderOf(line, place, id === event.eventId ? event : stored.get(id))
      holders.push({ type, stateKey: key, holder })
      if (type === 'm.room.member') members.push(...membershipsAfter(key, holder))
    }
  }
  return { holders, members }
}

/** Members are many: what they say of themselves is loaded again when somebody asks. */
function membershipsAfter(userId: string, holder: Holder | undefined): MemberWrite[] {
  if (!holder?.pdu) return [{ userId, membership: 'leave', sender: userId }]
  const memberships = membershipsOf(holder.pdu)
  if (holder.position !== undefined) holder.pdu = undefined
  return memberships
}

function holderOf(line: RoomLine, place: StateKey, event: Accepted | StoredEvent | undefined): Holder {
  if (!event) throw new Error('A state holds an event that is not stored')
  const [type, key] = splitStateKey(place)
  const isStored = 'clientJson' in event
  return {
    type,
    stateKey: key,
    eventId: event.eventId,
    from: undefined,
    position: isStored ? event.position : undefined,
    pdu: isStored ? storedPdu(event, line) : event.pdu,
  }
}
