import type { Context } from '#context.ts'
import { startJobWorker } from '#jobs/job-worker.ts'
import { startFollowerWorker } from '#jobs/follower.ts'
import { allWorkers, type Worker } from '#jobs/worker.ts'
import type { UserId } from '#protocol/ids.ts'
import { followPartings } from './follow-partings.ts'
import { refreshDeviceList, refreshDeviceListJob, type DeviceListNeeds } from './device-lists.ts'

/** After so many failures the list stays stale until somebody asks for it, or its next change. */
const maxAttempts = 10
const listsAtOnce = 8

/** Fetches the device lists of which changes are missing, and forgets those that nobody needs. */
export function startDeviceListWorker(
  ctx: DeviceListNeeds & Pick<Context, 'clock' | 'log' | 'metrics' | 'processId' | 'rooms'>,
): Worker {
  const run = async ({ key }: { key: string }) => {
    await refreshDeviceList(ctx, key as UserId)
    return undefined
  }
  return allWorkers([
    startJobWorker(ctx, [{ kind: refreshDeviceListJob, run, maxAttempts }], { atOnce: listsAtOnce }),
    startFollowerWorker(ctx, followPartings(ctx)),
  ])
}
