import type { Context } from '#context.ts'
import { startJobWorker } from '#jobs/job-worker.ts'
import type { Worker } from '#jobs/worker.ts'
import { tellLeave, tellLeaveJob } from './remote-leave.ts'

/** So often it is tried, with pauses of a minute: for about a week. */
const maxAttempts = 10_000

/** Tells other servers of leaves that were made here while these could not be reached. */
export const startLeaveWorker = (ctx: Context): Worker =>
  startJobWorker(ctx, [{ kind: tellLeaveJob, maxAttempts, run: ({ payload }) => tellLeave(ctx, payload) }], {
    atOnce: 4,
  })
