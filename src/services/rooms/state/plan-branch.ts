import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { BranchWrite } from '#store/rooms/room-write.ts'
import { resolveStates } from './resolve-states.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { overlayOf, stateAfter, stateAtLine, type LineState } from './state-before.ts'
import { differenceOf, holderIn, toBranchDelta, type Overlay } from './state-overlay.ts'

type Needs = Pick<Context, 'store'>

/** So many branches may rest on each other: the last bears the whole difference, so a long fork stays short to read. */
const maxHops = 15

/** The position before the first event of any room. */
const beforeAll = 0

/** An event that another follows, and the state after it. */
export type Parent = { event: StoredEvent; state: LineState; overlay: Overlay }

/** The states after some events that have their place in the room. */
export async function loadParents(ctx: Needs, line: RoomLine, events: readonly StoredEvent[]): Promise<Parent[]> {
  const parents: Parent[] = []
  for (const event of events) {
    const state = await stateAfter(ctx, event)
    parents.push({ event, state, overlay: await overlayOf(ctx, line, state) })
  }
  return parents
}

/** The state before an event that follows these: nothing, the one state there is, or what several resolve to. */
export async function stateFollowing(ctx: Needs, line: RoomLine, parents: readonly Parent[]): Promise<Overlay> {
  if (parents.length === 0) return overlayOf(ctx, line, stateAtLine(beforeAll))
  return resolveStates(ctx, line, { overlays: parents.map(({ overlay }) => overlay) })
}

/** How the state before an event is stored: as the smallest difference to the line or to the state after a parent. */
export function planBranch(line: RoomLine, before: Overlay, parents: readonly Parent[]): Branch {
  const plans = parents.map((parent) => planOn(line, before, parent))
  plans.push({ basePosition: line.lastPosition, hops: 0, delta: toBranchDelta(before) })
  if (isNothing(line, before)) plans.push({ basePosition: beforeAll, hops: 0, delta: [] })
  return plans.reduce((best, plan) => (plan.delta.length < best.delta.length ? plan : best))
}

/**
 * The branch of an event that leaves no other head: then the line after it is the state before it and itself, which is
 * the shortest way to tell that state when much of it is new here, as with a join.
 */
export function ownBranch(line: RoomLine, before: Overlay, { type, state_key: key }: Pdu): BranchWrite {
  if (key === undefined) return { basePosition: undefined, hops: 0, delta: [] }
  return { basePosition: undefined, hops: 0, delta: [[type, key, holderIn(line, before, stateKey(type, key)) ?? null]] }
}

const isNothing = (line: RoomLine, overlay: Overlay): boolean =>
  overlay.size === line.state.size && [...overlay.values()].every((id) => id === null)

function planOn(line: RoomLine, before: Overlay, { event, state, overlay }: Parent): Branch {
  const difference = differenceOf(line, overlay, before)
  if (state.hops !== undefined && state.hops < maxHops)
    return { basePosition: event.position, hops: state.hops + 1, delta: toBranchDelta(difference) }
  return { basePosition: state.base, hops: 0, delta: toBranchDelta(new Map([...state.delta, ...difference])) }
}
