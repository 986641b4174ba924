import { roomRemoved } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { JobRun } from '#jobs/job-worker.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'
import type { Purge, PurgeProgress } from '#store/rooms/purges.ts'
import type { MembershipNeeds } from '#services/rooms/membership/membership-needs.ts'
import { emptyRoom } from './empty-room.ts'
import { forgetLiveRoom } from './forget-live-room.ts'
import { deleteHistorySlice } from './history-slice.ts'
import type { Progress } from './purge-plan.ts'
import { rebaseBranches } from './rebase-branches.ts'
import { deleteRoomSlice, firstRoomStep } from './room-slice.ts'

export type CollectNeeds = MembershipNeeds & Pick<Context, 'log' | 'clock' | 'processId'>

type Run = Pick<JobRun, 'signal' | 'hold'>

/** Collects what is purged, slice by slice; should it fail, its status says so until the job is tried again. */
export async function collect(ctx: CollectNeeds, purge: Purge, run: Run): Promise<void> {
  let present: Purge = { ...purge, status: purge.status === 'retrying' ? 'active' : purge.status }
  try {
    await readAnew(ctx, purge)
    while (!isDone(present)) {
      run.signal.throwIfAborted()
      present = { ...present, ...(await deleteSlice(ctx, present, run)) }
    }
  } catch (error) {
    // A stop is no failure, and what another process has taken over is for that one to say.
    if (!run.signal.aborted)
      await writeProgress(ctx, { ...present, status: 'retrying' }, run).catch((reason: unknown) =>
        ctx.log.warn('the failure of a purge was not written down', { purge: purge.id, error: reason }),
      )
    throw error
  }
}

const isDone = ({ status }: Pick<Purge, 'status'>): boolean => status === 'complete' || status === 'failed'

/** What was hidden before this process looked at the purge may still be in its memory. */
function readAnew(ctx: CollectNeeds, { roomId, kind, step }: Purge): Promise<void> {
  const { rooms } = ctx
  return rooms.inTurn(roomId, async (turn) => {
    await turn.drop()
    // The process that hid it may have died before it said so.
    if (kind === 'room' && isHidden(step)) await announceDeletion(ctx, turn)
  })
}

/** Whether a room whose deletion has come to this step is deleted for all users. */
const isHidden = (step: Purge['step']): boolean => step !== undefined && step !== 'hide'

/**
 * What a slice deletes and how far it came are written together: a stop in between repeats nothing and skips nothing.
 */
async function deleteSlice(ctx: CollectNeeds, purge: Purge, run: Run): Promise<Progress> {
  const { store } = ctx
  const { id, kind, step, roomNid = 0 } = purge
  if (kind === 'room' && step === undefined) return writeProgress(ctx, { id, ...(await emptyRoom(ctx, purge)) }, run)
  if (step === 'hide') return hide(ctx, purge, run)
  // Of a room that was deleted meanwhile, the deletion leaves nothing.
  if (kind === 'history' && !(await store.rooms.rooms.findByNid(roomNid)))
    return writeProgress(ctx, { ...purge, status: 'complete' }, run)
  if (step === 'branches') return writeProgress(ctx, { id, ...(await rebaseBranches(ctx, purge)) }, run)
  return store.transaction(async (tx) => {
    const progress =
      kind === 'room' ? await deleteRoomSlice(tx, purge) : await deleteHistorySlice({ ...ctx, tx }, purge)
    await tx.rooms.purges.progress({ id, ...progress })
    await run.hold(tx)
    return progress
  })
}

async function writeProgress(
  { store }: Pick<CollectNeeds, 'store'>,
  progress: PurgeProgress,
  run: Run,
): Promise<Progress> {
  await store.transaction(async (tx) => {
    await tx.rooms.purges.progress(progress)
    await run.hold(tx)
  })
  return progress
}

/** The room's own row goes first: the room is not found any more, whatever else is still on disk. */
async function hide(ctx: CollectNeeds, purge: Purge, run: Run): Promise<Progress> {
  const { id, roomId, roomNid = 0, status, plan, cursor } = purge
  const progress = { status, plan, cursor, step: firstRoomStep }
  await ctx.rooms.inTurn(roomId, async (turn) => {
    // What was built on the room is written before the room goes, or not at all.
    await turn.drop()
    await ctx.store.transaction(async (tx) => {
      await tx.rooms.purges.hideRoom(roomNid)
      await tx.rooms.aliases.deleteForRoom(roomId)
      await tx.rooms.purges.progress({ id, ...progress })
      await run.hold(tx)
    })
    await announceDeletion(ctx, turn)
  })
  return progress
}

async function announceDeletion(ctx: CollectNeeds, turn: RoomTurn): Promise<void> {
  await forgetLiveRoom(ctx, turn)
  ctx.bus.publish(roomRemoved, { roomId: turn.roomId })
}
