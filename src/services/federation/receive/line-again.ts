import type { EventId } from '#protocol/ids.ts'
import type { WholeLine } from '#services/rooms/live/commit-members.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadParents, stateFollowing } from '#services/rooms/state/plan-branch.ts'
import { changesOf, maxForwardExtremities } from '#services/rooms/state/state-transition.ts'
import { lineCorrection } from '#services/rooms/write/persist-received.ts'
import type { Judged, Review } from './judge-again.ts'
import type { ReceiveNeeds } from './ports.ts'

/** Where a room stands once all that came while members were missing is judged again. */
export async function lineAgain(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  { judged, until }: Review,
): Promise<WholeLine> {
  const forwardExtremities = extremitiesAfter(room.forwardExtremities, judged)
  const unchanged = { forwardExtremities, intervals: [], memberships: [] }
  // Others follow by whose members it is decided.
  if (judged.size < 2 || until < Infinity) return unchanged
  const parents = await loadParents(ctx, room, await ctx.store.rooms.events.findMany(forwardExtremities))
  const after = await stateFollowing(ctx, room, parents)
  if (after.size === 0) return unchanged
  return { forwardExtremities, ...lineCorrection(room, await changesOf(ctx, room, { after })) }
}

/** The forward extremities without those that were not allowed; in their place what these followed, if nothing else does. */
function extremitiesAfter(present: readonly EventId[], judged: ReadonlyMap<EventId, Judged>): readonly EventId[] {
  const isAccepted = (id: EventId) => judged.get(id)?.isAccepted ?? true
  const kept = present.filter(isAccepted)
  if (kept.length === present.length) return present
  const followed = new Set<EventId>()
  for (const { prevs, isAccepted } of judged.values())
    if (isAccepted) for (const id of behind(prevs, judged)) followed.add(id)
  const bare = behind(
    present.filter((id) => !isAccepted(id)),
    judged,
  )
  const bared = [...bare].filter((id) => judged.has(id) && !followed.has(id) && !kept.includes(id))
  return [...kept, ...bared].slice(0, maxForwardExtremities)
}

/** The nearest accepted events from some on backwards. */
function behind(ids: readonly EventId[], judged: ReadonlyMap<EventId, Judged>): Set<EventId> {
  const accepted = new Set<EventId>()
  const seen = new Set(ids)
  for (const id of seen) {
    const one = judged.get(id)
    if (!one || one.isAccepted) accepted.add(id)
    else for (const prev of one.prevs) seen.add(prev)
  }
  return accepted
}
