import { accountDeactivated } from '#bus/topics.ts'
import type { Worker } from '#jobs/worker.ts'
import { maxPresences } from './presences.ts'
import { spreadPresence, watchPresence, type PresenceNeeds } from './presence.ts'
import { savePresence } from './saved-presence.ts'

/** Reads what an earlier process has saved; must come before the first request. */
export async function restorePresence(ctx: PresenceNeeds): Promise<void> {
  ctx.presence.restore(await ctx.store.presences.listNewest(maxPresences))
  if (ctx.presence.present().length > 0) watchPresence(ctx)
}

/** Ends the presence of deactivated users; saves when users were last active only at its stop. */
export function startPresenceWorker(ctx: PresenceNeeds): Worker {
  const end = ctx.bus.subscribe(accountDeactivated, ({ userId }) => {
    ctx.presence.end(userId)
    spreadPresence(ctx, [userId])
  })
  return {
    settle: () => savePresence(ctx),
    async stop() {
      end()
      // When who is present was active last is saved only now.
      for (const userId of ctx.presence.present()) ctx.presence.unsaved.add(userId)
      await savePresence(ctx).catch((error: unknown) => ctx.log.warn('presence was not saved', { error }))
    },
  }
}
