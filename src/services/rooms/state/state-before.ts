import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { BranchLink, StateOfEvent } from '#store/rooms/event-branches.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { trimmed, type StateDiff } from './state-diff.ts'

type Needs = Pick<Context, 'store'>

/** The current state just after a position, and what differs from it. */
export type AnchoredState = {
  base: number
  delta: ReadonlyMap<StateKey, EventId | null>
  /** How many branches lie below the event's own; undefined where it has none. */
  hops?: number
}

/** The state before an event of the timeline. For most it is what the current state was then. */
export async function stateBefore(ctx: Needs, { position }: StoredEvent): Promise<AnchoredState> {
  const chain = (await ctx.store.rooms.branches.chains([position])).get(position)
  return chain ? followBranches(chain, new Map()) : currentStateAt(position - 1)
}

/**
 * What held the keys of state events in the states before them, of those events whose state before is stored with them:
 * as that of a join, with which the state comes.
 */
export async function holdersInBranches(
  ctx: Needs,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<Map<EventId, EventId>> {
  const chains = await ctx.store.rooms.branches.chains(events.map(({ position }) => position))
  const holders = new Map<EventId, EventId>()
  for (const { position, eventId, type, stateKey: key } of events) {
    const chain = chains.get(position)
    if (!chain || key === null) continue
    const { base, delta } = followBranches(chain, new Map())
    const laid = delta.get(stateKey(type, key))
    const isBefore = laid === undefined && base < position
    const holder = isBefore ? (await ctx.store.rooms.state.eventAt(nidOf(room), [type, key], base))?.eventId : laid
    if (holder) holders.set(eventId, holder)
  }
  return holders
}

/** The states after events of the timeline, in their order: with the event itself where it is state that the rules allow. */
export async function statesAfter(ctx: Needs, events: readonly StoredEvent[]): Promise<AnchoredState[]> {
  const chains = await ctx.store.rooms.branches.chains(events.map(({ position }) => position))
  return events.map((event) => {
    const chain = chains.get(event.position)
    // Without a branch the current state after it is the state after it.
    if (!chain && event.status === 'accepted') return currentStateAt(event.position)
    const delta = new Map<StateKey, EventId | null>()
    lay(delta, event)
    return chain ? followBranches(chain, delta) : { base: event.position - 1, delta }
  })
}

/** The state just after a position of the stream. */
export const currentStateAt = (position: number): AnchoredState => ({ base: position, delta: new Map() })

/** The same state as what differs from the present one. */
export async function diffFromCurrent(
  { store }: Needs,
  room: LiveRoom,
  { base, delta }: AnchoredState,
): Promise<StateDiff> {
  if (base >= room.lastPosition) return trimmed(room, delta)
  const diff = new Map<StateKey, EventId | null>()
  for (const { type, stateKey: key, eventId } of await store.rooms.state.entriesBefore(nidOf(room), base))
    diff.set(stateKey(type, key), eventId)
  for (const [key, id] of delta) diff.set(key, id)
  return trimmed(room, diff)
}

/** Whether the event is in the timeline, with a state before it; outliers are not. */
export const isInTimeline = ({ position, status }: Pick<StoredEvent, 'position' | 'status'>): boolean =>
  position > 0 && status !== 'outlier'

/** Whether the state before the event is known: that of what is purged, and of what came in as history, is not. */
export const hasState = (
  { purgedUpTo }: Pick<LiveRoom, 'purgedUpTo'>,
  event: Pick<StoredEvent, 'position' | 'status' | 'isHistory'>,
): boolean => isInTimeline(event) && event.position > purgedUpTo && !event.isHistory

/** From branch to branch down to a current state; what was laid before stays on top. */
function followBranches(chain: readonly BranchLink[], delta: Map<StateKey, EventId | null>): AnchoredState {
  for (const [index, { branch, event }] of chain.entries()) {
    if (index > 0) lay(delta, event)
    for (const [type, key, id] of branch.delta) {
      const place = stateKey(type, key)
      if (!delta.has(place)) delta.set(place, id)
    }
  }
  const [top, last] = [chain[0], chain.at(-1)]
  if (!top || last?.branch.hops !== 0) throw new Error('A branch builds on one that is not stored')
  return { base: last.branch.basePosition, delta, hops: top.branch.hops }
}

function lay(delta: Map<StateKey, EventId | null>, { type, stateKey: key, eventId, status }: StateOfEvent): void {
  if (key === null || status === 'rejected') return
  const place = stateKey(type, key)
  if (!delta.has(place)) delta.set(place, eventId)
}
