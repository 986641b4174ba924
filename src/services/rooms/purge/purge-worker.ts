import { purgeRequested } from '#bus/topics.ts'
import { deleteAll, leaseMs, type CollectNeeds } from './delete-slices.ts'
import { followHiddenRooms } from './forget-live-room.ts'

export type PurgeWorker = {
  /** Resolves when nothing is left that this process may work on. */
  settle(): Promise<void>
  /** Ends after the slice at hand; what is left goes on wherever the server starts next. */
  stop(): Promise<void>
}

/** Collects what is purged: what was left by a former run first, then what is asked for. */
export function startPurgeWorker(ctx: CollectNeeds): PurgeWorker {
  let isStopped = false
  let running: Promise<void> | undefined
  let isAskedAgain = false
  let cancel = () => {}
  const run = async () => {
    do {
      isAskedAgain = false
      await deleteAll(ctx, () => isStopped)
    } while (isAskedAgain && !isStopped)
    // Another process works on the rest; should it die, its lease ends.
    if (!isStopped && (await ctx.store.rooms.purges.isAnyOpen())) cancel = ctx.clock.after(leaseMs, start)
  }
  const start = () => {
    if (isStopped) return
    isAskedAgain = true
    running ??= run()
      .catch((error: unknown) => ctx.log.error('purges could not be worked on', { error: String(error) }))
      .finally(() => (running = undefined))
  }
  const unfollow = [ctx.bus.subscribe(purgeRequested, start), followHiddenRooms(ctx)]
  start()
  return {
    settle: async () => {
      while (running) await running
    },
    async stop() {
      isStopped = true
      cancel()
      for (const end of unfollow) end()
      await running
    },
  }
}
