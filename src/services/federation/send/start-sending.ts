import { edusQueued } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { startFollowerWorker } from '#jobs/follower.ts'
import { listeningWorker, type Worker } from '#jobs/worker.ts'
import { AllowedServers } from './allowed-servers.ts'
import { followEvents } from './follow-events.ts'
import { Outcomes } from './outcomes.ts'
import { OutgoingPdus } from './outgoing-pdus.ts'
import { Sender } from './sender.ts'

/** Sends other servers what they are to have of what happens here. */
export function startSendingWorker(context: Context): Worker {
  if (!context.config.federation.enabled) return listeningWorker([])
  const ctx = {
    ...context,
    allowed: new AllowedServers(context),
    pdus: new OutgoingPdus(context.store, context.caches),
    outcomes: new Outcomes(context),
  }
  const sender = new Sender(ctx)
  sender.start()
  const follower = startFollowerWorker(ctx, followEvents(ctx, sender))
  const ends = [
    ctx.bus.subscribe(edusQueued, ({ destinations }) => destinations.forEach((server) => sender.sendEdus(server))),
  ]
  return {
    async settle() {
      await follower.settle()
      await sender.settle()
    },
    async stop() {
      ends.forEach((end) => end())
      await follower.stop()
      await sender.stop()
    },
  }
}
