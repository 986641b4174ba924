import { roomRemoved } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { Purge } from '#store/rooms/purges.ts'
import type { MembershipNeeds } from '#services/rooms/membership/membership-needs.ts'
import { emptyRoom } from './empty-room.ts'
import { forgetLiveRoom } from './forget-live-room.ts'
import { deleteHistorySlice } from './history-slice.ts'
import type { Progress } from './purge-plan.ts'
import { rebaseBranches } from './rebase-branches.ts'
import { deleteRoomSlice, firstRoomStep } from './room-slice.ts'
import type { RoomId } from '#protocol/ids.ts'

export type CollectNeeds = MembershipNeeds & Pick<Context, 'log' | 'clock' | 'processId'>

/** After this long without a sign another process may go on, in milliseconds. */
export const leaseMs = 60_000

/** Works on all purges that no process works on, slice by slice, until they are done or `isStopped`. */
export async function deleteAll(ctx: CollectNeeds, isStopped: () => boolean = () => false): Promise<void> {
  const { store, clock, processId: owner } = ctx
  while (!isStopped()) {
    const now = clock.now()
    const purge = await store.rooms.purges.claim({ owner, now, until: now + leaseMs })
    if (!purge) return
    // What was hidden before this process looked at the purge may still be in its memory.
    await dropSettled(ctx, purge.roomId)
    let present: Purge | undefined = purge
    while (present && !isDone(present) && !isStopped()) present = await deleteSlice(ctx, present)
    await store.rooms.purges.release(purge.id, owner)
  }
}

/** Once all that was built on the room is on disk: a room read before that would lack it. */
function dropSettled({ rooms }: Pick<CollectNeeds, 'rooms'>, roomId: RoomId): Promise<void> {
  return rooms.inTurn(roomId, async () => {
    const room = await rooms.findStored(roomId)
    await room?.lastWrite
    rooms.drop(roomId)
  })
}

export const isDone = ({ status }: Pick<Purge, 'status'>): boolean => status === 'complete' || status === 'failed'

/** Does one piece of a claimed purge; answers the purge as it is then, undefined when another process has taken it. */
export async function deleteSlice(ctx: CollectNeeds, purge: Purge): Promise<Purge | undefined> {
  const { store, clock, log, processId: owner } = ctx
  const lease = { owner, until: clock.now() + leaseMs }
  try {
    const done = await work(ctx, purge, lease)
    return done && { ...purge, ...done }
  } catch (error) {
    log.error('a purge failed', { purge: purge.id, error })
    await store.rooms.purges.progress({ ...purge, status: 'failed' }, lease)
    return { ...purge, status: 'failed' }
  }
}

type Held = { owner: string; until: number }

/** What a slice deletes and how far it came are written together: a stop in between repeats nothing and skips nothing. */
async function work(ctx: CollectNeeds, purge: Purge, lease: Held): Promise<Progress | undefined> {
  const { store } = ctx
  if (purge.kind === 'room' && purge.step === undefined) {
    const progress = await emptyRoom(ctx, purge)
    return (await store.rooms.purges.progress({ id: purge.id, ...progress }, lease)) ? progress : undefined
  }
  if (purge.step === 'hide') return hide(ctx, purge, lease)
  if (purge.step === 'branches') {
    const progress = await rebaseBranches(ctx, purge)
    return (await store.rooms.purges.progress({ id: purge.id, ...progress }, lease)) ? progress : undefined
  }
  return store.transaction(async (tx) => {
    const progress =
      purge.kind === 'room' ? await deleteRoomSlice(tx, purge) : await deleteHistorySlice({ ...ctx, tx }, purge)
    if (!(await tx.rooms.purges.progress({ id: purge.id, ...progress }, lease))) throw new Error('The lease was lost')
    return progress
  })
}

/** The room's own row goes first: the room is not found any more, whatever else is still on disk. */
async function hide(ctx: CollectNeeds, purge: Purge, lease: Held): Promise<Progress> {
  const { id, roomId, roomNid = 0, status, plan, cursor } = purge
  const progress = { status, plan, cursor, step: firstRoomStep }
  await ctx.rooms.inTurn(roomId, async () => {
    await ctx.store.transaction(async (tx) => {
      await tx.rooms.purges.hideRoom(roomNid)
      await tx.rooms.aliases.deleteForRoom(roomId)
      await tx.rooms.purges.progress({ id, ...progress }, lease)
    })
    forgetLiveRoom(ctx, roomId)
    ctx.bus.publish(roomRemoved, { roomId })
  })
  return progress
}
