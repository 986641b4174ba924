import type { Context } from '#context.ts'

/** Work that repeats as long as the server runs. */
export type Worker = {
  /** Resolves when no run is under way. */
  settle(): Promise<void>
  /** Begins no further run, and resolves when the one under way has ended. */
  stop(): Promise<void>
}

export type RecurringWork = {
  name: string
  /** At least this many ms from one run to the next, restarts and other processes included. */
  every: number
  run(): Promise<void>
}

/** A process asks so many times for each turn: one that stopped does not keep the work from others for long. */
const asksPerTurn = 6

/** Does something again and again, in one of all processes at a time; a run that fails is tried again at the next turn. */
export function recurring(ctx: Pick<Context, 'clock' | 'log' | 'store'>, { name, every, run }: RecurringWork): Worker {
  let running: Promise<void> | undefined
  const turn = async () => {
    const now = ctx.clock.now()
    if (await ctx.store.jobs.leases.take(name, { now, until: now + every })) await run()
  }
  const cancel = ctx.clock.every(every / asksPerTurn, () => {
    running ??= turn()
      .catch((error: unknown) => ctx.log.error('recurring work failed', { work: name, error }))
      .finally(() => (running = undefined))
  })
  const settle = async () => running
  return {
    settle,
    stop() {
      cancel()
      return settle()
    },
  }
}
