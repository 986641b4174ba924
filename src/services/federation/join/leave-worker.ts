import type { Context } from '#context.ts'
import { startJobWorker, type JobKind } from '#jobs/job-worker.ts'
import type { Worker } from '#jobs/worker.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { tellLeave, tellLeaveJob } from './remote-leave.ts'

/** So often it is tried, with pauses of a minute: for about a week. */
const maxAttempts = 10_000

/** Tells other servers of leaves that were made here while these could not be reached. */
export function startLeaveWorker(ctx: Context): Worker {
  const kind: JobKind = {
    kind: tellLeaveJob,
    maxAttempts,
    isUsual: (error) => error instanceof RemoteError,
    run: ({ payload }) => tellLeave(ctx, payload),
  }
  return startJobWorker(ctx, [kind])
}
