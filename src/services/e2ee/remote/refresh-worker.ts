import type { Context } from '#context.ts'
import { startJobWorker } from '#jobs/job-worker.ts'
import type { Worker } from '#jobs/worker.ts'
import type { UserId } from '#protocol/ids.ts'
import { refreshDeviceList, refreshDeviceListJob, type DeviceListNeeds } from './device-lists.ts'

/** After so many failures the list stays stale until somebody asks for it, or its next change. */
const maxAttempts = 10
const listsAtOnce = 8

/** Fetches the device lists of which changes are missing. */
export function startDeviceListWorker(ctx: DeviceListNeeds & Pick<Context, 'clock' | 'log' | 'processId'>): Worker {
  const run = async ({ key }: { key: string }) => {
    await refreshDeviceList(ctx, key as UserId)
    return undefined
  }
  return startJobWorker(ctx, [{ kind: refreshDeviceListJob, run, maxAttempts }], { atOnce: listsAtOnce })
}
