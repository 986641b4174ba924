import type { Context } from '#context.ts'
import { Alarm } from './alarm.ts'
import type { Worker } from './worker.ts'

export type RecurringWork = {
  name: string
  /** At least this many ms from one run to the next, restarts and other processes included. */
  every: number
  run(): Promise<void>
}

/** The first run comes after this part of the interval, to keep it out of the start. */
const firstLook = 1 / 6

/**
 * Runs work periodically, in one process at a time; a failed run is retried at the next interval. Sleeps until it is
 * due.
 */
export function startRecurringWorker(
  ctx: Pick<Context, 'clock' | 'log' | 'store'>,
  { name, every, run }: RecurringWork,
): Worker {
  const alarm = new Alarm(ctx.clock)
  let running: Promise<void> | undefined
  let isStopped = false
  const turn = async (): Promise<number> => {
    const now = ctx.clock.now()
    const { taken, until } = await ctx.store.jobs.leases.take(name, { now, until: now + every })
    if (taken) await run()
    return until
  }
  const look = () => {
    running ??= turn()
      .catch((error: unknown) => {
        ctx.log.error('recurring work failed', { work: name, error })
        return ctx.clock.now() + every
      })
      .then((until) => {
        running = undefined
        if (!isStopped) alarm.set(Math.min(every, until - ctx.clock.now()), look)
      })
  }
  alarm.set(every * firstLook, look)
  return {
    settle: async () => running,
    async stop() {
      isStopped = true
      alarm.clear()
      await running
    },
  }
}
