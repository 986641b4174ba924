import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Purge } from '#store/rooms/purges.ts'
import { stateBefore } from '#services/rooms/state/state-before.ts'
import { toBranchDelta } from '#services/rooms/state/state-diff.ts'
import { historyPlan, type Progress } from './purge-plan.ts'

type Needs = Pick<Context, 'store'>

/** Each may differ from the current state in the whole state of the room. */
const branchesAtOnce = 10

/**
 * Before state intervals go, branches that build on purged history are rebased on the end of that history. New
 * ones do not come: what forks off there is not taken in.
 */
export async function rebaseBranches({ store }: Needs, purge: Purge): Promise<Progress> {
  const { status, plan, cursor, roomNid = 0 } = purge
  const { upTo } = historyPlan(purge)
  const positions = await store.rooms.purges.branchesInto(roomNid, { upTo, limit: branchesAtOnce })
  for (const event of await store.rooms.events.atPositions(positions))
    await store.rooms.purges.rebase(event.position, await rebased({ store }, event, upTo))
  return { status, plan, cursor, step: positions.length === 0 ? 'spans' : 'branches' }
}

async function rebased(ctx: Needs, event: StoredEvent, upTo: number): Promise<Branch> {
  const { base, delta } = await stateBefore(ctx, event)
  if (base >= upTo) return { basePosition: base, hops: 0, delta: toBranchDelta(delta) }
  const differing = new Map<StateKey, EventId | null>()
  for (const replaced of await ctx.store.rooms.state.entriesBefore(event.roomNid, base))
    differing.set(stateKey(replaced.type, replaced.stateKey), replaced.eventId)
  for (const [key, id] of delta) differing.set(key, id)
  return { basePosition: upTo, hops: 0, delta: toBranchDelta(differing) }
}
