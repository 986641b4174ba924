import { startJobWorker, type JobKind, type JobRun } from '#jobs/job-worker.ts'
import { allWorkers, type Worker } from '#jobs/worker.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { PurgeKind } from '#store/rooms/purges.ts'
import { collect, type CollectNeeds } from './delete-slices.ts'
import { startHiddenRoomsWorker } from './forget-live-room.ts'
import { deleteRoomJob, purgeHistoryJob } from './purge-plan.ts'

/** Collects what is purged, one room after the other. */
export function startPurgeWorker(ctx: CollectNeeds): Worker {
  const worker = startJobWorker(ctx, jobKinds(ctx), { atOnce: 1 })
  return allWorkers([startHiddenRoomsWorker(ctx), worker])
}

/** Collects what can be collected now. */
export async function collectPurges(ctx: CollectNeeds): Promise<void> {
  const worker = startJobWorker(ctx, jobKinds(ctx), { atOnce: 1 })
  await worker.settle()
  await worker.stop()
}

function jobKinds(ctx: CollectNeeds): JobKind[] {
  const collectAll = async (kind: PurgeKind, run: JobRun) => {
    for (const purge of await ctx.store.rooms.purges.listUnfinished(run.key as RoomId, kind))
      await collect(ctx, purge, run)
    return undefined
  }
  return [
    { kind: deleteRoomJob, run: (run) => collectAll('room', run) },
    { kind: purgeHistoryJob, run: (run) => collectAll('history', run) },
  ]
}
