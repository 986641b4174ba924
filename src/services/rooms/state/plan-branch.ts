import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { BranchWrite } from '#store/rooms/room-write.ts'
import { resolveStates } from './resolve-states.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { diffFromCurrent, statesAfter, currentStateAt, type AnchoredState } from './state-before.ts'
import { differenceOf, entryIn, toBranchDelta, type StateDiff } from './state-diff.ts'

type Needs = Pick<Context, 'store'>

/** So many branches may build on each other: the last stores the whole difference, so a long fork stays short to read. */
const maxHops = 15

/** The position before the first event of any room. */
const beforeAll = 0

/** An event that another follows, and the state after it. */
export type Parent = { event: StoredEvent; state: AnchoredState; diff: StateDiff }

/** The states after some events of the timeline. */
export async function loadParents(ctx: Needs, room: LiveRoom, events: readonly StoredEvent[]): Promise<Parent[]> {
  const states = await statesAfter(ctx, events)
  const parents: Parent[] = []
  for (const [index, state] of states.entries())
    parents.push({ event: events[index]!, state, diff: await diffFromCurrent(ctx, room, state) })
  return parents
}

/** The state before an event that follows these: nothing, the one state there is, or what several resolve to. */
export async function stateFollowing(ctx: Needs, room: LiveRoom, parents: readonly Parent[]): Promise<StateDiff> {
  if (parents.length === 0) return diffFromCurrent(ctx, room, currentStateAt(beforeAll))
  return resolveStates(ctx, room, { diffs: parents.map(({ diff }) => diff) })
}

/** How the state before an event is stored: as the smallest difference to the current state at a position or to the state after a previous event. */
export function planBranch(room: LiveRoom, before: StateDiff, parents: readonly Parent[]): Branch {
  const plans = parents.map((parent) => planOn(room, before, parent))
  plans.push({ basePosition: room.lastPosition, hops: 0, delta: toBranchDelta(before) })
  if (isNothing(room, before)) plans.push({ basePosition: beforeAll, hops: 0, delta: [] })
  return plans.reduce((best, plan) => (plan.delta.length < best.delta.length ? plan : best))
}

/**
 * The branch of an event that leaves no other forward extremity: then the current state after it is the state before it
 * and itself, which is the shortest way to store that state when much of it is new here, as with a join.
 */
export function ownBranch(room: LiveRoom, before: StateDiff, { type, state_key: key }: Pdu): BranchWrite {
  if (key === undefined) return { basePosition: undefined, hops: 0, delta: [] }
  return { basePosition: undefined, hops: 0, delta: [[type, key, entryIn(room, before, stateKey(type, key)) ?? null]] }
}

const isNothing = (room: LiveRoom, diff: StateDiff): boolean =>
  diff.size === room.state.size && [...diff.values()].every((id) => id === null)

function planOn(room: LiveRoom, before: StateDiff, { event, state, diff }: Parent): Branch {
  const difference = differenceOf(room, diff, before)
  if (state.hops !== undefined && state.hops < maxHops)
    return { basePosition: event.position, hops: state.hops + 1, delta: toBranchDelta(difference) }
  return { basePosition: state.base, hops: 0, delta: toBranchDelta(new Map([...state.delta, ...difference])) }
}
